"""The poses and stills of a video, from one pass over its frames."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sightline.media import (
    FaceSeries,
    Frame,
    Heads,
    Moment,
    PeopleSeries,
    PersonSample,
    StillSelector,
    StreamReport,
    VideoInfo,
    blur_boxes,
    read_ahead,
    sample_frames,
)
from sightline.pose.body import body_outline, head_box
from sightline.pose.faces import FaceDetector
from sightline.pose.skeleton import LIMBS, Keypoints
from sightline.pose.track import Track
from sightline.pose.tracker import PoseTracker

_FACE_PERIOD = 0.2
"""Seconds between two searches for faces, which take several times as long as tracking."""


@dataclass(frozen=True)
class StillPose:
    """A stored still and the person in it; ``keypoints`` has shape (25, 3), None if nobody was detected."""

    image: Path
    time: float
    keypoints: Keypoints | None


@dataclass(frozen=True)
class TrackedVideo:
    """The results of one pass over a video's frames. ``report``: what decoding found beside the frames."""

    track: Track
    stills: Sequence[StillPose]
    frames_tracked: int
    report: StreamReport

    @property
    def frames_with_person(self) -> int:
        """The number of tracked frames with a person."""
        return len(self.track.frames)


def people_for(fps: float) -> PeopleSeries:
    """Return an empty series of people for :func:`track_video` at that rate."""
    return PeopleSeries([(limb.a, limb.b, limb.colour) for limb in LIMBS], 1 / fps, body_outline)


def faces_for(fps: float) -> FaceSeries:
    """Return an empty series of faces for :func:`track_video`; a detection is valid until after the next one."""
    return FaceSeries(1.5 * max(_FACE_PERIOD, 1 / fps))


def track_video(
    info: VideoInfo,
    moments: Sequence[Moment],
    folder: Path,
    *,
    fps: float,
    people: PeopleSeries | None = None,
    faces: FaceSeries | None = None,
    progress: Callable[[float], None] | None = None,
) -> TrackedVideo:
    """Track the person through the video, at ``fps`` frames per second and at all ``moments``.

    The stills of the moments are written to ``folder`` as JPEG. ``people`` and ``faces`` are filled frame by frame,
    so the video can be annotated concurrently; if ``faces`` is given, faces are blurred in the stills too. ``progress``
    gets the share that is done, 0 to 1. Raises :class:`InvalidMedia` if more than the accepted share is damaged.
    """
    stills, selector = [], StillSelector(list(moments))
    rows: list[tuple[int, float, Keypoints]] = []
    tracked: list[int] = []
    report, next_search = StreamReport(), -math.inf
    with ExitStack() as stack:
        for series in filter(None, (people, faces)):
            stack.callback(series.end)
        tracker = stack.enter_context(PoseTracker())
        detector = stack.enter_context(FaceDetector()) if faces else None
        for frame in read_ahead(sample_frames(info, fps, [moment.time for moment in moments], report)):
            keypoints = tracker.track(frame.rgb, frame.time)
            tracked.append(frame.index)
            if keypoints is not None:
                rows.append((frame.index, frame.time, keypoints))
            if people:
                people.add(frame.time, {} if keypoints is None else {1: PersonSample(keypoints)})
            boxes = None
            if faces and detector:
                if frame.moments or frame.time >= next_search:
                    boxes, next_search = _faces(detector, frame, keypoints), frame.time + _FACE_PERIOD - 1e-3
                faces.add(frame.time, None if boxes is None else Heads(boxes, np.zeros(len(boxes), np.int64)))
            for still in selector.select(frame):
                stills.append(StillPose(_save(still.rgb, boxes, folder / f"{still.name}.jpg"), still.time, keypoints))
            if progress:
                progress(info.share(frame.time))
    track = Track(
        frames=np.array([row[0] for row in rows], np.int64),
        times=np.array([row[1] for row in rows], np.float64),
        keypoints=np.array([row[2] for row in rows], np.float32).reshape(-1, 25, 3),
        size=(info.width, info.height),
        fps=fps,
        tracked_frames=np.array(tracked, np.int64),
        frame_times=np.array(report.times, np.float64),
    )
    return TrackedVideo(track, stills, len(tracked), report)


def _faces(detector: FaceDetector, frame: Frame, keypoints: Keypoints | None) -> NDArray[np.float32]:
    boxes = detector.detect(frame.rgb)
    # The pose gives the position of a head that is turned away, or too small for the face detector.
    head = None if keypoints is None else head_box(keypoints)
    return boxes if head is None else np.vstack([boxes, head[None]]).astype(np.float32)


def _save(rgb: NDArray[np.uint8], boxes: NDArray[np.float32] | None, path: Path) -> Path:
    from PIL import Image

    if boxes is not None and len(boxes):
        rgb = rgb.copy()
        blur_boxes([rgb], boxes, rgb.shape[1])
    Image.fromarray(rgb).save(path, quality=92)
    return path
