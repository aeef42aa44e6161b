"""Parts of training that all kinds of models share: stages, calibration, evaluation, manifests, promotion."""

from sightline.training.common.calibration import Calibration, calibrate, expected_calibration_error
from sightline.training.common.errors import UnsuitableData
from sightline.training.common.evaluation import ClassReport, Evaluation, evaluate, selective

__all__ = [
    "Calibration",
    "ClassReport",
    "Evaluation",
    "UnsuitableData",
    "calibrate",
    "evaluate",
    "expected_calibration_error",
    "selective",
]
