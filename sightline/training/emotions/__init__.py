"""Train one patient's emotion model from their sessions, and measure whether it is better than chance."""

from sightline.training.emotions.dataset import SessionTable, measure_sessions, read_session_table
from sightline.training.emotions.gate import GateLimits, GateReport, GateRow, check_gate
from sightline.training.emotions.importance import FeatureImportance
from sightline.training.emotions.out_of_fold import Fold, fold_count, make_folds, out_of_fold
from sightline.training.emotions.permutation import PermutationResult, permutation_test, shuffle_between_videos
from sightline.training.emotions.pipelines import fit_forest, forest_pipeline, logistic_pipeline
from sightline.training.emotions.plots import draw_plots
from sightline.training.emotions.publishing import TrainedForest, promote_forest, publish_forest, train_forest
from sightline.training.emotions.rendering import (
    gate_lines,
    gate_rows,
    gate_summary,
    model_page,
    training_alert,
    training_rows,
)
from sightline.training.emotions.synthetic import write_synthetic_sessions
from sightline.training.emotions.synthetic_motion import EMOTIONS, synthetic_track
from sightline.training.emotions.trainings import TrainingInProgress, TrainingLease, training_lease
from sightline.training.emotions.validation import Difference, Validation, ValidationResult, validate

__all__ = [
    "EMOTIONS",
    "Difference",
    "FeatureImportance",
    "Fold",
    "GateLimits",
    "GateReport",
    "GateRow",
    "PermutationResult",
    "SessionTable",
    "TrainedForest",
    "TrainingInProgress",
    "TrainingLease",
    "Validation",
    "ValidationResult",
    "check_gate",
    "draw_plots",
    "fit_forest",
    "fold_count",
    "forest_pipeline",
    "gate_lines",
    "gate_rows",
    "gate_summary",
    "logistic_pipeline",
    "make_folds",
    "measure_sessions",
    "model_page",
    "out_of_fold",
    "permutation_test",
    "promote_forest",
    "publish_forest",
    "read_session_table",
    "shuffle_between_videos",
    "synthetic_track",
    "train_forest",
    "training_alert",
    "training_lease",
    "training_rows",
    "validate",
    "write_synthetic_sessions",
]
