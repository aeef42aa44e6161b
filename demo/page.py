"""The page of a processed video: annotated video, transcript, emotion timeline, and frames with poses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from demo.template import class_colours, css, link, render
from sightline.emotion import load_keywords
from sightline.media import MIN_CONFIDENCE, probe, sample_frames, still_pose_name
from sightline.pose import LIMBS, read_openpose_people


def write_page(result: dict[str, Any], page: Path) -> None:
    """Write the page of a ``process-video`` result, given as a JSON object, with links relative to the page."""
    metadata = json.loads(Path(result["metadata_file"]).read_bytes())
    files = (
        "annotated_video",
        "highlights",
        "frames",
        "poses",
        "metadata_file",
        "csv",
        "pose_folder",
        "track",
        "record",
    )
    render(
        "page.html.j2",
        page,
        **{name: metadata[name] for name in ("engine", "segments", "timeline", "annotations", "emotion")},
        **{
            name: result[name]
            for name in ("patient", "session", "frames_tracked", "frames_with_person", "poses_extracted")
        },
        duration=metadata["duration_seconds"],
        colours=class_colours(list(load_keywords().emotions)),
        ticks=_ticks(metadata["duration_seconds"]),
        video=link(Path(result["annotated_video"]), page),
        poster=link(_poster(Path(result["annotated_video"]), page.with_name("poster.jpg")), page),
        stills=[_still(path, Path(result["poses"]), page) for path in sorted(Path(result["frames"]).glob("*.jpg"))],
        files={name.replace("_", " ").capitalize(): result[name] for name in files if result[name]},
    )


def _poster(video: Path, image: Path) -> Path:
    """Write the frame in the middle of the video, which the page shows until the video starts, to ``image``."""
    from PIL import Image

    info = probe(video)
    frame = next(frame for frame in sample_frames(info, 1 / (1 + info.duration), [info.duration / 2]) if frame.moments)
    Image.fromarray(frame.rgb).save(image, quality=90)
    return image


def _still(image: Path, poses: Path, page: Path) -> dict[str, Any]:
    from PIL import Image

    width, height = Image.open(image).size
    pose = poses / f"{still_pose_name(image.stem)}.json"
    people = read_openpose_people(pose.read_bytes(), pose.name) if pose.exists() else []
    limbs = [
        {
            "x1": f"{points[limb.a, 0]:.1f}", "y1": f"{points[limb.a, 1]:.1f}",
            "x2": f"{points[limb.b, 0]:.1f}", "y2": f"{points[limb.b, 1]:.1f}",
            "colour": css(limb.colour),
        }
        for _, points in people
        for limb in LIMBS
        if min(points[limb.a, 2], points[limb.b, 2]) >= MIN_CONFIDENCE
    ]  # fmt: skip
    return {"name": image.name, "src": link(image, page), "width": width, "height": height, "limbs": limbs}


def _ticks(duration: float) -> list[float]:
    step = next((step for step in (0.5, 1, 2, 5, 10, 30, 60, 120, 300) if duration / step <= 9), 600)
    ticks = [place * step for place in range(int(duration / step) + 1)]
    return [*(tick for tick in ticks if duration - tick > 0.6 * step), round(duration, 1)]
