"""What the Prefect UI and other flows are told of a processed video."""

from __future__ import annotations

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.events import emit_event

from sightline.sessions import StoredSession
from tasks.support.policy import PLAIN


@task(**PLAIN)
def publish_session(stored: StoredSession) -> None:
    """A page in the UI about it, and the events ``sightline.session.stored`` and ``sightline.video.processed``."""
    create_markdown_artifact(_page(stored), key="session", description=f"{stored.patient}: {stored.session}")
    told = stored.metadata
    resource = {
        "prefect.resource.id": f"sightline.session.{stored.sha256}",
        "prefect.resource.name": stored.session,
        "sightline.patient": stored.patient,
    }
    stored_as = {"patient": stored.patient, "session": stored.session, "record": stored.record}
    emit_event("sightline.session.stored", resource=resource, payload=stored_as)
    emit_event(
        "sightline.video.processed",
        resource=resource,
        payload={
            "video": told.video_path,
            "patient": stored.patient,
            "session": stored.session,
            "emotion": stored.emotion,
            "duration_seconds": told.duration_seconds,
            "keywords": told.emotion_keywords_found,
            "annotations": told.annotations_found,
            "frames": told.frames_extracted,
            "poses": told.poses_extracted,
            "frames_tracked": told.frames_tracked,
            "frames_with_person": told.frames_with_person,
        },
    )


def _page(stored: StoredSession) -> str:
    told = stored.metadata
    stretches = "\n".join(
        f"| {part.start:.1f}-{part.end:.1f} | {part.emotion} | {_cell(part.evidence)} |" for part in told.timeline
    )
    files = {
        "Annotated video": stored.annotated_video,
        "Highlights": stored.highlights,
        "Frames": stored.frames,
        "Poses": stored.poses,
        "Metadata": stored.metadata_file,
        "Track": stored.track,
    }
    return (
        f"# {stored.patient}: {stored.session} is {stored.emotion}\n\n"
        f"{told.duration_seconds:.1f} s, a person in {told.frames_with_person} of {told.frames_tracked} tracked "
        f"frames, {told.poses_extracted} poses from {told.frames_extracted} frames.\n\n"
        f"| Seconds | Emotion | What was said |\n| --- | --- | --- |\n{stretches}\n\n"
        f"> {_cell(told.transcription) or 'Nothing was said.'}\n\n"
        + "\n".join(f"- {name}: `{uri}`" for name, uri in files.items() if uri)
    )


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
