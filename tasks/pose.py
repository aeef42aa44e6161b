"""How the person in a video stands and moves."""

from __future__ import annotations

from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from sightline import pose
from sightline.emotion import EmotionFindings, person_slug
from sightline.media import Faces, Skeleton, VideoInfo, select_moments
from sightline.pose import TrackedVideo
from tasks.support.progress import progress


@task(cache_policy=NO_CACHE, persist_result=False)
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
