"""The results of processing one video, and those in a folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Literal

from prefect import State
from pydantic import BaseModel, ConfigDict

from sightline.errors import FailedWithResult
from sightline.sessions import PoseIndices, SessionRecord, StoredSession
from tasks.folders import VideoFolder

__all__ = ["FolderResult", "VideoOutcome", "VideoResult", "process_each"]


class VideoResult(BaseModel):
    """The session of a video and the URIs of its files. ``processed`` is False if it had been processed before.

    ``recorded``: when the video was recorded, by ``recorded_by``. ``transcript_file``: where the words come from. Both
    are None if that is not known.
    """

    model_config = ConfigDict(frozen=True)

    processed: bool
    patient: str
    session: str
    emotion: str
    recorded: datetime | None
    recorded_by: str | None
    transcription: str
    transcript_file: str | None
    annotations_found: int
    frames_extracted: int
    poses_extracted: int
    frames_tracked: int
    frames_with_person: int
    pose_indices: PoseIndices
    annotated_video: str
    highlights: str | None
    frames: str
    poses: str
    pose_folder: str
    track: str
    record: str
    csv: str
    metadata_file: str
    warnings: tuple[str, ...]

    @classmethod
    def from_session(cls, stored: StoredSession, *, processed: bool) -> VideoResult:
        """Return the result for a stored session."""
        recorded, file = stored.metadata.recorded, stored.metadata.transcript_file
        fields = {
            **dict(stored.metadata), **dict(stored), "processed": processed,
            "recorded": recorded.at if recorded else None,
            "recorded_by": f"{recorded.source}: {recorded.detail}" if recorded else None,
            "transcript_file": f"{file.uri} ({file.found})" if file else None,
        }  # fmt: skip
        return cls.model_validate({name: fields[name] for name in cls.model_fields})


class VideoOutcome(BaseModel):
    """What became of one video of a folder. ``when``: when it was recorded, or else processed; ``why``: the reason."""

    model_config = ConfigDict(frozen=True)

    video: str
    outcome: Literal["processed", "skipped", "failed"]
    session: str | None = None
    emotion: str | None = None
    when: datetime | None = None
    why: str = ""

    @classmethod
    def finished(cls, video: str, record: SessionRecord) -> VideoOutcome:
        """Return the outcome of a video that was processed before."""
        name = f"{record.patient}/{record.session}"
        return cls(
            video=video, outcome="skipped", session=name, emotion=record.emotion, when=record.when,
            why="processed before; --replace processes it again",
        )  # fmt: skip

    @classmethod
    def of(cls, video: str, state: State[Any]) -> VideoOutcome:
        """Return the outcome of a video whose run ended in this state."""
        if not state.is_completed():
            error = state.result(raise_on_failure=False)
            why = str(error) if isinstance(error, Exception) else state.message
            return cls(video=video, outcome="failed", why=why or str(state.name))
        result: VideoResult = state.result()
        skipped = state.name == "Skipped"
        return cls(
            video=video, outcome="skipped" if skipped else "processed", session=f"{result.patient}/{result.session}",
            emotion=result.emotion, when=result.recorded, why=(state.message or "") if skipped else "",
        )  # fmt: skip


class FolderResult(BaseModel):
    """The number of videos of a folder by outcome and by emotion; ``other_files`` are no videos."""

    model_config = ConfigDict(frozen=True)

    folder: str
    videos: int
    processed: int
    skipped: int
    failed: int
    other_files: int
    emotions: dict[str, int]
    outcomes: tuple[VideoOutcome, ...]

    @classmethod
    def of(cls, folder: VideoFolder, outcomes: Sequence[VideoOutcome]) -> FolderResult:
        """Return the summary of a folder."""
        counts = Counter(outcome.outcome for outcome in outcomes)
        emotions = Counter(outcome.emotion for outcome in outcomes if outcome.emotion)
        return cls(
            folder=folder.uri, videos=len(outcomes), processed=counts["processed"], skipped=counts["skipped"],
            failed=counts["failed"], other_files=folder.others, emotions=dict(sorted(emotions.items())),
            outcomes=tuple(outcomes),
        )  # fmt: skip


def process_each(folder: VideoFolder, process: Callable[[str], State[Any]]) -> FolderResult:
    """Process the videos that have no session, one after another; a video that fails does not stop the others.

    Raises ``FailedWithResult`` at the end if some failed. A second run continues.
    """
    outcomes = [
        VideoOutcome.finished(uri, record) if record else VideoOutcome.of(uri, process(uri))
        for uri, record in folder.videos.items()
    ]
    result = FolderResult.of(folder, outcomes)
    if failed := [f"{outcome.video}: {outcome.why}" for outcome in outcomes if outcome.outcome == "failed"]:
        raise FailedWithResult(f"{len(failed)} of {len(outcomes)} videos failed. {'; '.join(failed)}", result)
    return result
