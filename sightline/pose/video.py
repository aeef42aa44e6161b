"""The poses of everyone in a video, its stills, and who the patient is, from one pass over its frames."""

from __future__ import annotations

import math
from array import array
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sightline.media import (
    FaceSeries,
    Frame,
    Hiding,
    Moment,
    PeopleSeries,
    PersonSample,
    StillSelector,
    StreamReport,
    VideoInfo,
    read_ahead,
    sample_frames,
)
from sightline.pose.appearance import Appearance
from sightline.pose.body import body_outline
from sightline.pose.choice import choose_patient, seen_people
from sightline.pose.estimator import Person
from sightline.pose.faces import FaceDetector
from sightline.pose.heads import FoundHeads
from sightline.pose.identity import Identity, IdentityWish
from sightline.pose.linking import LinkedPerson, link_pieces
from sightline.pose.people_track import PeopleTrack
from sightline.pose.people_tracker import PeopleTracker
from sightline.pose.portraits import Portraits
from sightline.pose.silhouettes import sample_people
from sightline.pose.skeleton import JOINTS, LIMBS, Keypoints
from sightline.pose.stills import StillPose, Stills
from sightline.pose.track import read_only

__all__ = ["StillPose", "TrackedVideo", "TrackingOutputs", "track_video", "tracking_outputs"]

_RIVAL_CERTAINTY = 0.8
_FACE_PERIOD = 0.2
"""Seconds between two searches for faces, which take several times as long as tracking."""


@dataclass(frozen=True)
class TrackedVideo:
    """The results of one pass over a video's frames. ``report``: what decoding found beside the frames.

    ``pictures`` are JPEG crops of the people, under the names in ``identity``, if it is not decided who the patient is.
    ``hidden_by_face``: as in :class:`~sightline.media.Hiding`; None if nobody was hidden.
    """

    track: PeopleTrack
    stills: Sequence[StillPose]
    frames_tracked: int
    report: StreamReport
    identity: Identity
    pictures: Sequence[Path] = ()
    hidden_by_face: int | None = None

    @property
    def frames_with_person(self) -> int:
        """The number of tracked frames with the patient; with anyone, if it is not known who the patient is."""
        return self.track.frames_with(self.identity.person)


@dataclass(frozen=True)
class TrackingOutputs:
    """What the tracking writes while another thread annotates the video.

    ``faces`` is None if neither faces are blurred nor people are hidden. ``patient`` is known at the end.
    """

    people: PeopleSeries
    faces: FaceSeries | None
    blur_faces: bool
    hide_others: bool
    patient: Future[int | None] = field(default_factory=Future)

    @property
    def hiding(self) -> Hiding | None:
        """Who is hidden; None if nobody is."""
        return Hiding(self.people, self.patient.result, self.faces) if self.hide_others else None

    def end(self, *_: object) -> None:
        """End everything, after success or failure: readers no longer wait."""
        if not self.patient.done():
            self.patient.set_result(None)
        self.people.end()
        if self.faces is not None:
            self.faces.end()


def tracking_outputs(fps: float, *, blur_faces: bool = False, hide_others: bool = False) -> TrackingOutputs:
    """Return empty outputs for :func:`track_video` at that rate; a found face is valid until after the next search."""
    limbs = [(limb.a, limb.b, limb.colour) for limb in LIMBS]
    faces = FaceSeries(1.5 * max(_FACE_PERIOD, 1 / fps)) if blur_faces or hide_others else None
    return TrackingOutputs(PeopleSeries(limbs, 1 / fps, body_outline), faces, blur_faces, hide_others)


def track_video(
    info: VideoInfo,
    moments: Sequence[Moment],
    folder: Path,
    *,
    fps: float,
    outputs: TrackingOutputs | None = None,
    wish: IdentityWish | None = None,
    known: Sequence[Appearance] = (),
    progress: Callable[[float], None] | None = None,
) -> TrackedVideo:
    """Track everyone through the video, at ``fps`` frames per second and at all ``moments``.

    The stills of the moments are written to ``folder`` as JPEG, with the blur and the hidden people of ``outputs``,
    which are filled frame by frame, so the video can be annotated concurrently. ``wish``: who the user says the patient
    is; ``known``: the patient's appearance in recent sessions. ``progress`` gets the share that is done, 0 to 1. Raises
    :class:`InvalidMedia` if more than the accepted share is damaged, and :class:`~sightline.errors.InvalidInput` if the
    wish names nobody.
    """
    out = outputs or tracking_outputs(fps)
    report, tracked = StreamReport(), _Tracked(out)
    stills, selector = Stills(folder, out.hiding), StillSelector(list(moments))
    portraits = Portraits()
    with ExitStack() as stack:
        stack.callback(out.end)
        tracker = stack.enter_context(PeopleTracker(segmentation=out.hide_others))
        detector = stack.enter_context(FaceDetector()) if out.faces else None
        for frame in read_ahead(sample_frames(info, fps, [moment.time for moment in moments], report)):
            final = tracker.track(frame.rgb, frame.time)
            latest = tracker.latest
            tracked.add(frame, final)
            boxes = tracked.find_faces(detector, frame, latest) if detector else None
            portraits.look(frame.rgb, latest)
            for still in selector.select(frame):
                stills.add(still, boxes if out.blur_faces else None)
            if progress:
                progress(info.share(frame.time))
        tracked.finish(tracker.finish())
        people = link_pieces(tracker.pieces)
        track = tracked.number(people, (info.width, info.height), fps, report.times)
        seen = seen_people(people, track, {})
        identity = choose_patient(seen, track, wish or IdentityWish(), info.duration, known)
        if identity.person is not None and people[identity.person - 1].rivals:
            identity = _less_certain(identity)
        pictures: dict[int, Path] = {}
        if not identity.is_decided:
            asked = [one.person for one in identity.people]
            numbers = {person: [piece.number for piece in people[person - 1].pieces] for person in asked}
            pictures = portraits.write(numbers, folder / "people")
            named = seen_people(people, track, {person: path.name for person, path in pictures.items()})
            identity = identity.model_copy(update={"people": tuple(one for one in named if one.person in asked)})
        out.patient.set_result(identity.person)
        out.end()
        return TrackedVideo(
            track, stills.finish(track), len(tracked.frames), report, identity, tuple(pictures.values()),
            out.hiding.hidden_by_face if out.hiding else None,
        )  # fmt: skip


def _less_certain(identity: Identity) -> Identity:
    why = f"{identity.why} They may be in further parts of the video: somebody there looks like them and like another."
    return identity.model_copy(update={"why": why, "certainty": min(identity.certainty, _RIVAL_CERTAINTY)})


class _Tracked:
    """The rows of a track while they are collected: people by the number of their piece, until they are linked."""

    def __init__(self, outputs: TrackingOutputs) -> None:
        self.frames = array("q")
        self._outputs = outputs
        self._waiting: deque[tuple[int, tuple[int, int]]] = deque()
        # One number per row: the poses of two hours of four people are 90 MB, and as objects several times as much.
        self._rows = array("q")
        self._times = array("d")
        self._pieces = array("q")
        self._keypoints = bytearray()
        self._next_search = -math.inf
        self._heads: deque[FoundHeads | None] = deque()

    def add(self, frame: Frame, final: list[tuple[float, dict[int, Person]]]) -> None:
        """Add a frame that was tracked, and the earlier frames that are final now."""
        self.frames.append(frame.index)
        self._waiting.append((frame.index, (frame.rgb.shape[0], frame.rgb.shape[1])))
        self.finish(final)

    def finish(self, final: list[tuple[float, dict[int, Person]]]) -> None:
        """Add frames that are final."""
        for time, people in final:
            index, size = self._waiting.popleft()
            if self._outputs.faces is not None:
                found = self._heads.popleft()
                # Only now is it known who else is in the frame.
                self._outputs.faces.add(time, found.assigned(_keypoints_of(people)) if found else None)
            for number, person in people.items():
                self._rows.append(index)
                self._times.append(time)
                self._pieces.append(number)
                self._keypoints += np.asarray(person.keypoints, np.float32).tobytes()
            if self._outputs.hide_others:
                self._outputs.people.add(time, sample_people(people, size))
            else:
                samples = {number: PersonSample(person.keypoints) for number, person in people.items()}
                self._outputs.people.add(time, samples)

    def find_faces(
        self, detector: FaceDetector, frame: Frame, people: Mapping[int, Person]
    ) -> NDArray[np.float32] | None:
        """Find the heads in a frame at intervals, and where a still is stored; return their boxes, shape (m, 4)."""
        if not frame.moments and frame.time < self._next_search:
            self._heads.append(None)
            return None
        self._next_search = frame.time + _FACE_PERIOD - 1e-3
        tracked = _keypoints_of(people)
        self._heads.append(found := detector.find(frame.rgb, tracked))
        return found.assigned(tracked).boxes

    def number(
        self, people: Sequence[LinkedPerson], size: tuple[int, int], fps: float, times: Sequence[float]
    ) -> PeopleTrack:
        """Give every piece the number of its person, in the outputs too, and return the track."""
        numbers = {piece.number: n for n, person in enumerate(people, 1) for piece in person.pieces}
        self._outputs.people.renumber(numbers)
        if self._outputs.faces is not None:
            self._outputs.faces.renumber(numbers)
        frames = np.array(self._rows, np.int64)
        persons = np.array([numbers.get(piece, 0) for piece in self._pieces], np.int64)
        order = np.lexsort((persons, frames))
        order = order[persons[order] > 0]
        keypoints = np.frombuffer(self._keypoints, np.float32).reshape(-1, len(JOINTS), 3)
        self._keypoints = bytearray()  # the array alone keeps the memory
        if not np.array_equal(order, np.arange(len(keypoints))):
            keypoints = keypoints[order]
        return PeopleTrack(
            frames=frames[order],
            times=np.array(self._times, np.float64)[order],
            people=persons[order],
            keypoints=read_only(keypoints),
            size=size,
            fps=fps,
            tracked_frames=np.array(self.frames, np.int64),
            frame_times=np.array(times, np.float64),
        )


def _keypoints_of(people: Mapping[int, Person]) -> dict[int, Keypoints]:
    return {number: person.keypoints for number, person in people.items()}
