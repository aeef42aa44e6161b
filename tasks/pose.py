"""How the person in a video stands and moves."""

from __future__ import annotations

from pathlib import Path

from prefect import task

from sightline import pose
from sightline.emotion import EmotionFindings, person_slug
from sightline.media import Faces, Skeleton, VideoInfo, select_moments
from sightline.pose import TrackedVideo
from tasks.support.policy import PLAIN
from tasks.support.progress import progress


@task(**PLAIN)
def extract_poses(
    info: VideoInfo, findings: EmotionFindings, folder: Path, fps: float, skeleton: Skeleton, faces: Faces | None
) -> TrackedVideo:
    """Stills at annotations and even positions, and the person's pose at ``fps`` frames a second, in one pass.

    ``skeleton`` and ``faces`` are filled on the way.
    """
    labels = [(said.start, f"{person_slug(said.person)}_{said.emotion}") for said in findings.annotations]
    with progress("poses") as report:
        moments = select_moments(labels, info.duration)
        return pose.track_video(info, moments, folder, fps=fps, skeleton=skeleton, faces=faces, progress=report)
