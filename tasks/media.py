"""Reading videos and writing annotated ones."""

from __future__ import annotations

from pathlib import Path

from prefect import task

from sightline import media
from sightline.emotion import EmotionFindings, Keywords
from sightline.media import Faces, Overlay, Skeleton, Span, VideoInfo
from sightline.speech import Transcript
from tasks.support.policy import PLAIN
from tasks.support.progress import progress


@task(**PLAIN)
def probe_video(path: Path, uri: str, max_seconds: float) -> VideoInfo:
    """What the video is, and whether all of it is there."""
    return media.probe(path, uri=uri, max_seconds=max_seconds)


@task(**PLAIN)
def annotate_video(info: VideoInfo, overlay: Overlay, output: Path) -> Path:
    """The video with banner, skeleton and blurred faces burnt in."""
    with progress("annotate") as report:
        media.annotate(info, overlay, output, report)
    return output


@task(**PLAIN)
def cut_highlights(annotated: Path, findings: EmotionFindings, neutral: str, output: Path) -> Path | None:
    """The emotional moments one after another; None where there is none."""
    moments = [(stretch.start, stretch.end) for stretch in findings.timeline if stretch.emotion != neutral]
    if not moments:
        return None
    media.cut_highlights(annotated, moments, output)
    return output


def overlay_of(
    info: VideoInfo,
    transcript: Transcript,
    findings: EmotionFindings,
    keywords: Keywords,
    skeleton: Skeleton,
    faces: Faces | None,
) -> Overlay:
    """What the annotated video shows."""
    colours = media.palette(list(keywords.emotions))
    return Overlay(
        duration=info.duration,
        emotions=[Span(part.start, part.end, part.emotion, colours[part.emotion]) for part in findings.timeline],
        captions=[Span(said.start, said.end, said.text) for said in transcript.segments],
        people=findings.people,
        skeleton=skeleton,
        faces=faces,
    )
