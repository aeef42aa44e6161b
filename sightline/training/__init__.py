"""From labelled pictures to a published model: data, splits, training, calibration, figures, promotion."""

from sightline.training.baseline import BASELINE, Baseline
from sightline.training.calibration import Calibration, calibrate, expected_calibration_error
from sightline.training.comparison import ComparisonRow, compare
from sightline.training.cross_validation import CrossValidation, Fold, cross_validate
from sightline.training.data import TrainingData, read_training_data
from sightline.training.errors import InvalidPreset, UnsuitableData
from sightline.training.evaluation import ClassReport, Evaluation, evaluate, selective
from sightline.training.fit import Fitted, fit
from sightline.training.manifest import Classes, Manifest, Sample, Unusable
from sightline.training.preset import Preset, Recipe, load_preset, preset_names
from sightline.training.publishing import Assessed, assess, promote, publish
from sightline.training.sources import Picture, Source, open_source
from sightline.training.splits import Splits, folds, split
from sightline.training.synthetic import POSTURES, synthesize_pressure_maps
from sightline.training.transforms import augmentation

__all__ = [
    "BASELINE",
    "POSTURES",
    "Assessed",
    "Baseline",
    "Calibration",
    "ClassReport",
    "Classes",
    "ComparisonRow",
    "CrossValidation",
    "Evaluation",
    "Fitted",
    "Fold",
    "InvalidPreset",
    "Manifest",
    "Picture",
    "Preset",
    "Recipe",
    "Sample",
    "Source",
    "Splits",
    "TrainingData",
    "UnsuitableData",
    "Unusable",
    "assess",
    "augmentation",
    "calibrate",
    "compare",
    "cross_validate",
    "evaluate",
    "expected_calibration_error",
    "fit",
    "folds",
    "load_preset",
    "open_source",
    "preset_names",
    "promote",
    "publish",
    "read_training_data",
    "selective",
    "split",
    "synthesize_pressure_maps",
]
