"""The emotions of one person: from their sessions to a model that is known to be any good, or not yet."""

from sightline.training.emotions.dataset import SessionTable, read_session_table
from sightline.training.emotions.gate import GateLimits, GateReport, GateRow, LeftOut, check_gate
from sightline.training.emotions.history import Training, last_training, read_trainings
from sightline.training.emotions.importance import FeatureImportance
from sightline.training.emotions.out_of_fold import Fold, cut_folds, fold_count, out_of_fold
from sightline.training.emotions.permutation import Shuffled, against_shuffled_labels, shuffled_between_videos
from sightline.training.emotions.pipelines import fit_forest, forest_pipeline, logistic_pipeline
from sightline.training.emotions.plots import draw_plots
from sightline.training.emotions.publishing import TrainedForest, promote_forest, publish_forest, train_forest
from sightline.training.emotions.synthetic import write_synthetic_sessions
from sightline.training.emotions.synthetic_motion import EMOTIONS, synthetic_track
from sightline.training.emotions.trainings import TrainingTurn, TrainingUnderWay, training_turn
from sightline.training.emotions.validation import Difference, Validated, Validation, validate

__all__ = [
    "EMOTIONS",
    "Difference",
    "FeatureImportance",
    "Fold",
    "GateLimits",
    "GateReport",
    "GateRow",
    "LeftOut",
    "SessionTable",
    "Shuffled",
    "TrainedForest",
    "Training",
    "TrainingTurn",
    "TrainingUnderWay",
    "Validated",
    "Validation",
    "against_shuffled_labels",
    "check_gate",
    "cut_folds",
    "draw_plots",
    "fit_forest",
    "fold_count",
    "forest_pipeline",
    "last_training",
    "logistic_pipeline",
    "out_of_fold",
    "promote_forest",
    "publish_forest",
    "read_session_table",
    "read_trainings",
    "shuffled_between_videos",
    "synthetic_track",
    "train_forest",
    "training_turn",
    "validate",
    "write_synthetic_sessions",
]
