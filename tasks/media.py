"""Steps that read videos and write annotated ones."""

from __future__ import annotations

from pathlib import Path

from prefect.logging import get_run_logger

from sightline import media
from sightline.emotion import EmotionFindings, Keywords
from sightline.media import FaceSeries, Overlay, PeopleSeries, TimedLabel, VideoInfo
from sightline.pose import TrackedVideo, faces_for, people_for
from sightline.speech import Transcript
from tasks.pose import extract_poses
from tasks.support.policy import PLAIN, sightline_task
from tasks.support.progress import progress


@sightline_task(**PLAIN)
def probe_video(
    path: Path, uri: str, *, max_seconds: float, max_damage_share: float, audio_track: int | None
) -> VideoInfo:
    """Read the video's properties, and raise if the file is invalid, incomplete or too damaged."""
    info = media.probe(
        path, uri=uri, max_seconds=max_seconds, audio_track=audio_track, max_damage_share=max_damage_share
    )
    for warning in info.warnings:
        get_run_logger().warning("%s: %s", uri, warning)
    return info


def track_and_annotate(
    info: VideoInfo,
    transcript: Transcript,
    findings: EmotionFindings,
    keywords: Keywords,
    folder: Path,
    *,
    fps: float,
    blur_faces: bool,
) -> tuple[TrackedVideo, Path]:
    """Track the person at ``fps`` frames a second, and write the annotated video to ``folder``.

    The two tasks run concurrently: the annotation waits for the samples that it needs from the tracker. Each task keeps
    one core busy.
    """
    people, faces = people_for(fps), faces_for(fps) if blur_faces else None
    overlay = _make_overlay(info, transcript, findings, keywords, people, faces)
    with media.short_switch_interval():
        tracking = extract_poses.submit(info, findings, folder, fps, people, faces)
        # A task that fails before it starts does not end the series itself: the annotation would wait forever.
        for series in filter(None, (people, faces)):
            tracking.add_done_callback(series.end)
        annotating = annotate_video.submit(info, overlay, folder / "annotated.mp4")
        return tracking.result(), annotating.result()


@sightline_task(**PLAIN, timeout="flow_timeout_seconds")
def annotate_video(info: VideoInfo, overlay: Overlay, output: Path) -> Path:
    """Write the video with banner, skeleton and blurred faces drawn into its frames."""
    with progress("annotate") as report:
        media.annotate(info, overlay, output, report)
    return output


@sightline_task(**PLAIN, timeout="flow_timeout_seconds")
def cut_highlights(annotated: Path, findings: EmotionFindings, neutral: str, output: Path) -> Path | None:
    """Join the emotional moments in one video; return None if there are none."""
    moments = [(stretch.start, stretch.end) for stretch in findings.timeline if stretch.emotion != neutral]
    if not moments:
        return None
    media.cut_highlights(annotated, moments, output)
    return output


def _make_overlay(
    info: VideoInfo,
    transcript: Transcript,
    findings: EmotionFindings,
    keywords: Keywords,
    people: PeopleSeries,
    faces: FaceSeries | None,
) -> Overlay:
    colours = media.palette(list(keywords.emotions))
    return Overlay(
        duration=info.duration,
        emotions=[
            TimedLabel(stretch.start, stretch.end, stretch.emotion, colours[stretch.emotion])
            for stretch in findings.timeline
        ],
        captions=[TimedLabel(segment.start, segment.end, segment.text) for segment in transcript.segments],
        people=findings.people,
        poses=people,
        faces=faces,
    )
