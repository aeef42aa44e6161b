"""Steps that read videos and write annotated ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from prefect.logging import get_run_logger

from sightline import media
from sightline.clock import now_in_utc
from sightline.emotion import EmotionFindings, Keywords
from sightline.media import Overlay, Recorded, TimedLabel, VideoInfo
from sightline.pose import Appearance, IdentityWish, TrackedVideo, TrackingOutputs, tracking_outputs
from sightline.settings import settings
from sightline.speech import WORDLESS, MeasuredVoice, Segment, Transcript
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


def read_recorded(recorded: str | None) -> Recorded | None:
    """Return when the user says that the video was recorded. Raises ``InvalidInput`` for another text than a time."""
    return media.parse_recorded(recorded, settings().recording_zone, now_in_utc()) if recorded else None


@sightline_task(**PLAIN)
def date_recording(info: VideoInfo, given: Recorded | None) -> tuple[Recorded | None, tuple[str, ...]]:
    """Return when the video was recorded: as given, or by its container or its name; and warnings about that."""
    if given is not None:
        return given, ()
    name = PurePosixPath(info.uri).name
    recorded, warnings = media.when_recorded(info.path, name, info.duration, settings().recording_zone, now_in_utc())
    for warning in warnings:
        get_run_logger().warning("%s: %s", info.uri, warning)
    return recorded, warnings


def track_and_annotate(
    info: VideoInfo,
    transcript: Transcript,
    findings: EmotionFindings,
    keywords: Keywords,
    folder: Path,
    *,
    voice: MeasuredVoice | None = None,
    fps: float,
    blur_faces: bool,
    hide_others: bool = False,
    wish: IdentityWish | None = None,
    known: Sequence[Appearance] = (),
) -> tuple[TrackedVideo, Path]:
    """Track the people at ``fps`` frames a second, and write the annotated video to ``folder``.

    ``voice``: its vocalisations are shown in the banner.
    ``wish``: who the user says the patient is. ``known``: the patient's appearance in recent sessions. ``hide_others``:
    make everyone else unrecognisable.

    The two tasks run concurrently: the annotation waits for the samples that it needs from the tracker. Each task keeps
    one core busy. Once a second person has been seen, the annotation waits until it is known who the patient is.
    """
    outputs = tracking_outputs(fps, blur_faces=blur_faces, hide_others=hide_others)
    overlay = _make_overlay(info, transcript, voice, findings, keywords, outputs)
    with media.short_switch_interval():
        tracking = extract_poses.submit(info, findings, folder, fps, outputs, wish, known)
        # A task that fails before it starts does not end the outputs itself: the annotation would wait forever.
        tracking.add_done_callback(outputs.end)
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
    voice: MeasuredVoice | None,
    findings: EmotionFindings,
    keywords: Keywords,
    outputs: TrackingOutputs,
) -> Overlay:
    colours = media.palette(list(dict.fromkeys((*keywords.emotions, *(part.emotion for part in findings.timeline)))))
    return Overlay(
        duration=info.duration,
        emotions=[
            TimedLabel(stretch.start, stretch.end, stretch.emotion, colours[stretch.emotion])
            for stretch in findings.timeline
        ],
        captions=[TimedLabel(segment.start, segment.end, _caption(segment)) for segment in transcript.segments],
        sounds=[
            TimedLabel(sound.start, sound.end, WORDLESS if sound.certain else f"{WORDLESS}?")
            for sound in (voice.vocalisations if voice else ())
        ],
        people=findings.people,
        poses=outputs.people,
        faces=outputs.faces if outputs.blur_faces else None,
        patient=outputs.patient.result,
        hiding=outputs.hiding,
    )


def _caption(segment: Segment) -> str:
    """Return the spoken words with their voice, and their translation in brackets."""
    words = f"{segment.text} ({segment.translation})" if segment.translation else segment.text
    return words if segment.speaker is None else f"Voice {segment.speaker}: {words}"
