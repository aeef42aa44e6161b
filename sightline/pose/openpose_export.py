"""The poses of a video as OpenPose files, for other programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np

from sightline import storage
from sightline.errors import InvalidInput
from sightline.media import PoseSeries
from sightline.pose.openpose import in_order, write_openpose
from sightline.pose.people_track import PeopleTrack
from sightline.pose.skeleton import Keypoints
from sightline.pose.track import Track
from sightline.storage import Location

_WRITERS = 8
_BATCH = 1024  # files; the poses of a long video are not all in memory
_UNKNOWN = "the session was stored by a version that did not keep the frames without a person"
_AGAIN = "Process the video again with another --video-bucket and --patients-bucket: a stored session is not changed"

_People = Mapping[int, Keypoints]


@dataclass(frozen=True)
class ExportedPoses:
    """The number of exported files, and of those with a person. ``warning``: which frames have no file, and why.

    ``people`` are the numbers of the exported people, and ``patient`` is the one of the patient, if it is known.
    """

    files: int
    with_person: int
    people: tuple[int, ...] = ()
    patient: int | None = None
    warning: str | None = None


def export_openpose(
    track: PeopleTrack,
    stem: str,
    folder: Location,
    *,
    patient: int | None = None,
    only: int | None = None,
    every_frame: bool = False,
) -> ExportedPoses:
    """Write ``{stem}_{frame:012d}_keypoints.json`` for every tracked frame; a file without a person has no people.

    Everyone is in ``people``, the patient first and then by number, with the number as ``person_id``; with ``only``,
    that person alone.

    With ``every_frame``, every frame of the video has a file. Tracked frames are written as above, and people between
    them as an annotated video shows them (:meth:`~sightline.media.PoseSeries.at`); a joint that is missing in one
    of the two tracked frames is missing there too.

    If the track has no ``tracked_frames``, only the frames with a person are written, with a warning; ``every_frame``
    then raises :class:`~sightline.errors.InvalidInput`, with ``stem`` as its subject, before a file is written. So does
    a number that nobody in the track has.
    """
    if only is not None and only not in track.numbers:
        people = ", ".join(map(str, track.numbers)) or "nobody was seen"
        raise InvalidInput(stem, f"has no person {only}", f"The people in the video: {people}")
    shown = track if only is None else PeopleTrack.of_one(track.of(only), only)

    def write(frame: tuple[int, _People]) -> bool:
        number, people = frame
        content = write_openpose(in_order(people, patient))
        storage.write_bytes(folder / f"{stem}_{number:012d}_keypoints.json", content)
        return bool(people)

    frames = _every_frame(shown, stem) if every_frame else _tracked_frames(shown)
    files = with_person = 0
    with ThreadPoolExecutor(_WRITERS) as pool:
        while batch := list(islice(frames, _BATCH)):
            with_person += sum(pool.map(write, batch))
            files += len(batch)
    warning = f"Frames without a person have no file: {_UNKNOWN}. {_AGAIN}" if track.tracked_frames is None else None
    return ExportedPoses(files, with_person, shown.numbers, patient if patient in shown.numbers else None, warning)


def _tracked_frames(track: PeopleTrack) -> Iterator[tuple[int, _People]]:
    """Yield the number of every tracked frame and its people."""
    people = track.by_frame()
    tracked = np.unique(track.frames) if track.tracked_frames is None else track.tracked_frames
    return ((frame, people.get(frame, {})) for frame in tracked.tolist())


def _every_frame(track: PeopleTrack, name: str) -> Iterator[tuple[int, _People]]:
    """Yield the number of every frame of the video and its people."""
    if track.frame_times is None:
        raise InvalidInput(name, f"not every frame can be exported: {_UNKNOWN}", _AGAIN)
    series = {number: _series(track.of(number)) for number in track.numbers}
    tracked = dict(_tracked_frames(track))
    return (
        (frame, tracked[frame] if frame in tracked else _between(series, time))
        for frame, time in enumerate(track.frame_times.tolist())
    )


def _series(track: Track) -> PoseSeries:
    series = PoseSeries(1 / track.fps)
    for time, keypoints in zip(track.times.tolist(), track.keypoints, strict=True):
        series.add(time, keypoints)
    series.end()
    return series


def _between(series: Mapping[int, PoseSeries], time: float) -> _People:
    shown = {number: one.at(time) for number, one in series.items()}
    return {number: _without_missing(keypoints) for number, keypoints in shown.items() if keypoints is not None}


def _without_missing(keypoints: Keypoints) -> Keypoints:
    # Between a joint and a missing one, which is (0, 0, 0), the position means nothing.
    return np.where(keypoints[:, 2:] > 0, keypoints, np.float32(0))
