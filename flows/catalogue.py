"""The flows there are. The command line, the local server and the deployments come from this list.

Reading it imports neither Prefect nor a flow, so a list of flows is shown at once.
"""

from __future__ import annotations

import pkgutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefect import Flow

__all__ = ["CATALOGUE", "COMMANDS", "CommandEntry", "FlowEntry"]


@dataclass(frozen=True)
class FlowEntry:
    """One flow: ``name`` is the flow's own and the subcommand's, ``target`` is ``module:function``.

    ``summary`` is the first line of the function's docstring.
    """

    name: str
    target: str
    summary: str
    tags: tuple[str, ...] = ()

    def load(self) -> Flow[..., Any]:
        """Import the flow."""
        flow: Flow[..., Any] = pkgutil.resolve_name(self.target)
        return flow


@dataclass(frozen=True)
class CommandEntry:
    """A command that looks at something and runs no flow; otherwise as :class:`FlowEntry`."""

    name: str
    target: str
    summary: str


CATALOGUE: tuple[FlowEntry, ...] = (
    FlowEntry(
        name="process-video",
        target="flows.process_video:process_video",
        summary="Turn a video into a transcript, emotions, poses and an annotated video.",
        tags=("video",),
    ),
    FlowEntry(
        name="export-openpose",
        target="flows.export_openpose:export_openpose",
        summary="Write the poses of a session as the files that OpenPose readers accept.",
        tags=("video", "poses"),
    ),
    FlowEntry(
        name="classify-images",
        target="flows.classify_images:classify_images",
        summary="Classify images, keep a record of each, and tell of the uncertain ones.",
        tags=("images",),
    ),
    FlowEntry(
        name="review-predictions",
        target="flows.review_predictions:review_predictions",
        summary="Ask a person about what a model is unsure of, in a form of the Prefect UI, and keep the answers.",
        tags=("images", "video", "review"),
    ),
    FlowEntry(
        name="remind-reviewers",
        target="flows.remind_reviewers:remind_reviewers",
        summary="Alert people, once, of questions that nobody has answered in time.",
        tags=("review",),
    ),
    FlowEntry(
        name="export-training-data",
        target="flows.export_training_data:export_training_data",
        summary="Write the images that people have answered about as a folder for each class, with a manifest.",
        tags=("images", "review"),
    ),
    FlowEntry(
        name="train-image-classifier",
        target="flows.train_image_classifier:train_image_classifier",
        summary="Train an image classifier and publish it, as the current one where it is at least as good.",
        tags=("images", "models"),
    ),
    FlowEntry(
        name="monitor-model",
        target="flows.monitor_model:monitor_model",
        summary="Report on what a model has predicted, and tell where that is other than it was on its test set.",
        tags=("images", "models"),
    ),
    FlowEntry(
        name="rank-images",
        target="flows.rank_images:rank_images",
        summary="Rank the people of photos by their running style, and show them on a sheet, the best first.",
        tags=("images",),
    ),
    FlowEntry(
        name="train-ranking",
        target="flows.train_ranking:train_ranking",
        summary="Train the running-style ranking, each stage only where something changed, and publish it.",
        tags=("images", "models"),
    ),
    FlowEntry(
        name="train-emotion",
        target="flows.train_emotion:train_emotion",
        summary="Train a patient's model of emotions where there is enough to learn from, and say how good it is.",
        tags=("video", "models"),
    ),
    FlowEntry(
        name="retrain-all",
        target="flows.retrain_all:retrain_all",
        summary="Train the model of every patient who has enough to learn from, and name those whose training fails.",
        tags=("video", "models"),
    ),
    FlowEntry(
        name="predict-emotion",
        target="flows.predict_emotion:predict_emotion",
        summary="Ask a patient's model about a session, and a person where it is unsure or the words say otherwise.",
        tags=("video", "models"),
    ),
    FlowEntry(
        name="rollback-model",
        target="flows.rollback_model:rollback_model",
        summary="Make an earlier version of a model the current one again.",
        tags=("models",),
    ),
    FlowEntry(
        name="process-upload",
        target="flows.process_upload:process_upload",
        summary="Process a file that has arrived, a video or an image, each version of it once.",
        tags=("video", "images", "uploads"),
    ),
    FlowEntry(
        name="sweep-uploads",
        target="flows.sweep_uploads:sweep_uploads",
        summary="Find the files that have arrived and that no run has processed, and start a run for each.",
        tags=("video", "images", "uploads"),
    ),
    FlowEntry(
        name="synthesize-pressure-maps",
        target="flows.synthesize_pressure_maps:synthesize_pressure_maps",
        summary="Make a labelled set of synthetic pressure maps of a bed, for demonstrations.",
        tags=("images", "models"),
    ),
)

COMMANDS: tuple[CommandEntry, ...] = (
    CommandEntry(
        name="stages",
        target="flows.stages:stages",
        summary="Show the stages of a training: which are fresh, which would be run again, and why.",
    ),
)
