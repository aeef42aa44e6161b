"""The step that tracks the people in a video."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from prefect.logging import get_run_logger

from sightline import pose
from sightline.emotion import EmotionFindings, person_slug
from sightline.media import VideoInfo, select_moments
from sightline.pose import Appearance, IdentityWish, TrackedVideo, TrackingOutputs
from tasks.support.policy import PLAIN, sightline_task
from tasks.support.progress import progress


@sightline_task(**PLAIN, timeout="flow_timeout_seconds")
def extract_poses(
    info: VideoInfo,
    findings: EmotionFindings,
    folder: Path,
    fps: float,
    outputs: TrackingOutputs,
    wish: IdentityWish | None,
    known: Sequence[Appearance],
) -> TrackedVideo:
    """Write stills at annotations and even positions, and track everyone at ``fps`` frames a second, in one pass.

    ``outputs`` is filled during the pass.
    """
    labels = [
        (annotation.start, f"{person_slug(annotation.person)}_{annotation.emotion}")
        for annotation in findings.annotations
    ]
    with progress("poses") as report:
        moments = select_moments(labels, info.duration)
        video = pose.track_video(
            info, moments, folder, fps=fps, outputs=outputs, wish=wish, known=known, progress=report
        )
    for warning in video.report.warnings():
        get_run_logger().warning("%s: %s", info.uri, warning)
    get_run_logger().info("%s: %s", info.uri, video.identity.why)
    return video
