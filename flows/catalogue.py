"""The catalogue of flows: the command line, the local server and prefect.yaml are derived from it.

Importing it imports neither Prefect nor a flow, so that listing the flows is fast.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from prefect import Flow

__all__ = ["CATALOGUE", "COMMANDS", "CommandEntry", "Concurrency", "FlowEntry", "Schedule", "Trigger"]


@dataclass(frozen=True)
class Concurrency:
    """The limit of active runs of a flow. A further run waits for its turn.

    With ``cancel_new``, it is cancelled instead. Work queues cannot do that, so the reconciler does it; the server of
    ``make ui`` does it itself.
    """

    limit: int
    cancel_new: bool = False


TWO_AT_ONCE = Concurrency(2)
ONE_AT_ONCE = Concurrency(1)
NO_OVERLAP = Concurrency(1, cancel_new=True)


@dataclass(frozen=True)
class Schedule:
    """A cron schedule in UTC. ``slug`` identifies the schedule within its deployment.

    ``variable``: the environment variable of a setting that the flow needs. The schedule is active where it is set.
    """

    slug: str
    cron: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    variable: str | None = None


@dataclass(frozen=True)
class Trigger:
    """Starts a run for every event ``expect`` with matching labels; ``parameters`` are templates over the event."""

    name: str
    expect: str
    match: Mapping[str, str]
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class FlowEntry:
    """One flow and its deployment.

    ``name`` is the name of the flow and of its subcommand, ``target`` is ``module:function``, ``summary`` is the first
    line of the function's docstring, ``memory`` is the memory limit of the container, ``timeout`` is the setting that
    holds the timeout of a run. Runs of the pool ``housekeeping`` do not wait for those of ``media``. Within a pool, the
    runs of a ``bulk`` flow, which may be very many, start after all others that wait.
    """

    name: str
    target: str
    summary: str
    tags: tuple[str, ...] = ()
    memory: str = "1g"
    pool: Literal["media", "housekeeping"] = "media"
    bulk: bool = False
    concurrency: Concurrency | None = None
    schedules: tuple[Schedule, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    timeout: Literal["flow_timeout_seconds", "training_timeout_seconds"] = "flow_timeout_seconds"
    command_target: str | None = None
    """The function that the subcommand calls, if it does not run the flow."""

    @property
    def called(self) -> str:
        """What the subcommand calls: ``module:function``."""
        return self.command_target or self.target

    def load(self) -> Flow[..., Any]:
        """Import the flow."""
        flow: Flow[..., Any] = pkgutil.resolve_name(self.target)
        return flow


@dataclass(frozen=True)
class CommandEntry:
    """A command that runs no flow. The fields have the same meaning as in :class:`FlowEntry`."""

    name: str
    target: str
    summary: str

    @property
    def called(self) -> str:
        """What the subcommand calls: ``module:function``."""
        return self.target


CATALOGUE: tuple[FlowEntry, ...] = (
    FlowEntry(
        name="process-video",
        target="flows.process_video:process_video",
        summary="Turn a video into a transcript, emotions, poses and an annotated video.",
        tags=("video",),
        memory="4g",
        concurrency=TWO_AT_ONCE,
    ),
    FlowEntry(
        name="correct-session",
        target="flows.correct_session:correct_session",
        summary="Correct the emotion of a session, or of a stretch of it; the training uses the correction.",
        tags=("video", "review"),
        concurrency=TWO_AT_ONCE,
    ),
    FlowEntry(
        name="export-openpose",
        target="flows.export_openpose:export_openpose",
        summary="Export a session's poses as OpenPose files.",
        tags=("video", "poses"),
        concurrency=TWO_AT_ONCE,
    ),
    FlowEntry(
        name="classify-images",
        target="flows.classify_images:classify_images",
        summary="Classify images, store a record of each, and alert about the uncertain ones.",
        tags=("images",),
        memory="4g",
        concurrency=TWO_AT_ONCE,
    ),
    FlowEntry(
        name="review-predictions",
        target="flows.review_predictions:review_predictions",
        summary="Ask people about uncertain predictions in a form of the Prefect UI, and store the answers.",
        tags=("images", "video", "review"),
        # No limit: a run that waits for an answer would block the others.
        triggers=(
            Trigger(
                name="Review uncertain images",
                expect="sightline.images.uncertain",
                match={"prefect.resource.id": "sightline.classification.*"},
                parameters={"results": "{{ event.payload.results }}"},
            ),
            Trigger(
                name="Review an uncertain session",
                expect="sightline.session.uncertain",
                match={"prefect.resource.id": "sightline.session.*"},
                parameters={"patient": "{{ event.payload.patient }}"},
            ),
            Trigger(
                name="Ask who the patient of a session is",
                expect="sightline.session.unidentified",
                match={"prefect.resource.id": "sightline.session.*"},
                parameters={"patient": "{{ event.payload.patient }}"},
            ),
        ),
    ),
    FlowEntry(
        name="remind-reviewers",
        target="flows.remind_reviewers:remind_reviewers",
        summary="Send one alert about the questions that were not answered in time.",
        tags=("review",),
        pool="housekeeping",
        concurrency=NO_OVERLAP,
        schedules=(Schedule("hourly", "37 * * * *"),),
    ),
    FlowEntry(
        name="export-training-data",
        target="flows.export_training_data:export_training_data",
        summary="Export the reviewed images as one folder per class, with a manifest.",
        tags=("images", "review"),
        concurrency=ONE_AT_ONCE,
    ),
    FlowEntry(
        name="train-image-classifier",
        target="flows.train_image_classifier:train_image_classifier",
        summary="Train and publish an image classifier; promote it if it is at least as good as the current version.",
        tags=("images", "models"),
        memory="8g",
        timeout="training_timeout_seconds",
        concurrency=ONE_AT_ONCE,
        triggers=(
            Trigger(
                name="Retrain a drifted model",
                expect="sightline.model.drift",
                match={"prefect.resource.id": "sightline.model.*", "sightline.data": "*"},
                parameters={
                    "name": "{{ event.payload.model }}",
                    "data": "{{ event.payload.data }}",
                    "preset": "{{ event.payload.preset }}",
                    "pretrained": "{{ event.payload.pretrained }}",
                    "why": "{{ event.payload.why }}",
                    "cooldown_hours": 24,
                },
            ),
        ),
    ),
    FlowEntry(
        name="monitor-model",
        target="flows.monitor_model:monitor_model",
        summary="Report on a model's predictions, and flag drift from its test-set baseline.",
        tags=("images", "models"),
        memory="4g",
        concurrency=TWO_AT_ONCE,
        schedules=(Schedule("daily-vehicles", "0 5 * * *", {"model": "vehicles"}),),
    ),
    FlowEntry(
        name="rank-images",
        target="flows.rank_images:rank_images",
        summary="Rank the people in photos by running style, and show the best first on a contact sheet.",
        tags=("images",),
        memory="4g",
        concurrency=TWO_AT_ONCE,
    ),
    FlowEntry(
        name="train-ranking",
        target="flows.train_ranking:train_ranking",
        summary="Train and publish the running-style ranking; rerun only the stages whose inputs changed.",
        tags=("images", "models"),
        memory="8g",
        timeout="training_timeout_seconds",
        concurrency=ONE_AT_ONCE,
    ),
    FlowEntry(
        name="train-emotion",
        target="flows.train_emotion:train_emotion",
        summary="Train a patient's emotion model if there is enough data, and report how good it is.",
        tags=("video", "models"),
        memory="4g",
        timeout="training_timeout_seconds",
        concurrency=ONE_AT_ONCE,
        triggers=(
            Trigger(
                name="Train a patient's model after a new session",
                expect="sightline.session.stored",
                match={"prefect.resource.id": "sightline.session.*"},
                parameters={"patient": "{{ event.payload.patient }}"},
            ),
        ),
    ),
    FlowEntry(
        name="retrain-all",
        target="flows.retrain_all:retrain_all",
        summary="Train the emotion model of every patient with enough data, and list the trainings that failed.",
        tags=("video", "models"),
        memory="4g",
        timeout="training_timeout_seconds",
        concurrency=NO_OVERLAP,
        schedules=(Schedule("weekly", "0 3 * * 0"),),
    ),
    FlowEntry(
        name="predict-emotion",
        target="flows.predict_emotion:predict_emotion",
        summary="Predict a session's emotion with the patient's model, and request a review if it is uncertain.",
        tags=("video", "models"),
        memory="4g",
        concurrency=TWO_AT_ONCE,
    ),
    FlowEntry(
        name="rollback-model",
        target="flows.rollback_model:rollback_model",
        summary="Make an earlier version of a model the current one again.",
        tags=("models",),
        concurrency=ONE_AT_ONCE,
    ),
    FlowEntry(
        name="process-upload",
        target="flows.process_upload:process_upload",
        summary="Process an uploaded video or image, each version once.",
        tags=("video", "images", "uploads"),
        memory="4g",
        bulk=True,
        concurrency=TWO_AT_ONCE,
    ),
    FlowEntry(
        name="sweep-uploads",
        target="flows.sweep_uploads:sweep_uploads",
        summary="Find the uploads that no run has processed, and start a run for each.",
        tags=("video", "images", "uploads"),
        pool="housekeeping",
        concurrency=NO_OVERLAP,
        schedules=(Schedule("hourly", "17 * * * *"),),
    ),
    FlowEntry(
        name="erase-patient",
        target="flows.erase_patient:erase_patient_flow",
        command_target="flows.erase_patient:erase_patient",
        summary="Erase everything that is stored about a patient, and report what was erased and what could not be.",
        tags=("video", "privacy"),
        concurrency=ONE_AT_ONCE,
    ),
    FlowEntry(
        name="watch-posture",
        target="flows.watch_posture:watch_posture",
        summary="Read the new frames of beds, and alert if a patient was not turned or data stop arriving.",
        tags=("images", "beds"),
        memory="2g",
        pool="housekeeping",  # An alert does not wait behind videos.
        concurrency=NO_OVERLAP,
        schedules=(Schedule("every-minute", "* * * * *", variable="BEDS_BUCKET"),),
    ),
    FlowEntry(
        name="report-posture",
        target="flows.report_posture:report_posture",
        summary="Report on a patient's week: time in each posture, turns, and the longest times without a turn.",
        tags=("images", "beds"),
        concurrency=ONE_AT_ONCE,
        schedules=(Schedule("weekly", "20 4 * * 1"),),
    ),
    FlowEntry(
        name="synthesize-pressure-maps",
        target="flows.synthesize_pressure_maps:synthesize_pressure_maps",
        summary="Generate labelled synthetic pressure maps of a bed, for demonstrations.",
        tags=("images", "models"),
        concurrency=ONE_AT_ONCE,
    ),
)

COMMANDS: tuple[CommandEntry, ...] = (
    CommandEntry(
        name="stages",
        target="flows.stages:stages",
        summary="Show the stages of a training: which are up to date, which would run, and why.",
    ),
    CommandEntry(
        name="explain-threshold",
        target="flows.explain_threshold:explain_threshold",
        summary="Show the share of images that each threshold accepts and of those right, and recommend a threshold.",
    ),
    CommandEntry(
        name="import-model",
        target="flows.import_model:import_model",
        summary="Import a .pth or .pkl model of another project as a new version, which is not made current.",
    ),
    CommandEntry(
        name="make-test-cases",
        target="flows.make_test_cases:make_test_cases",
        summary="Print payloads with images drawn at random, one JSON object a line.",
    ),
    CommandEntry(
        name="test-alert",
        target="flows.alert_channels:test_alert",
        summary="Set up the alert channels of the environment, and send a test message to every channel.",
    ),
    CommandEntry(
        name="server",
        target="flows.server:server",
        summary="Start, stop or show the Prefect server that the commands of this user share.",
    ),
)
