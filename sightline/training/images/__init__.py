"""From labelled images to a published classifier: data, splits, training, evaluation, publication."""

from sightline.training.images.comparison import ComparisonRow, compare
from sightline.training.images.cross_validation import CrossValidation, FoldMetrics, cross_validate
from sightline.training.images.data import TrainingData, read_training_data
from sightline.training.images.familiarity import add_familiarity
from sightline.training.images.fit import Fitted, fit
from sightline.training.images.manifest import Classes, Manifest, Sample, Unusable
from sightline.training.images.preset import InvalidPreset, Preset, Recipe, load_preset, preset_names
from sightline.training.images.publishing import Assessed, assess, promote, publish
from sightline.training.images.rendering import aligned, comparison_rows, model_page
from sightline.training.images.sources import open_source
from sightline.training.images.splits import Splits, folds, split
from sightline.training.images.synthetic import POSTURES, synthesize_pressure_maps
from sightline.training.images.transforms import augmentation

__all__ = [
    "POSTURES",
    "Assessed",
    "Classes",
    "ComparisonRow",
    "CrossValidation",
    "Fitted",
    "FoldMetrics",
    "InvalidPreset",
    "Manifest",
    "Preset",
    "Recipe",
    "Sample",
    "Splits",
    "TrainingData",
    "Unusable",
    "add_familiarity",
    "aligned",
    "assess",
    "augmentation",
    "compare",
    "comparison_rows",
    "cross_validate",
    "fit",
    "folds",
    "load_preset",
    "model_page",
    "open_source",
    "preset_names",
    "promote",
    "publish",
    "read_training_data",
    "split",
    "synthesize_pressure_maps",
]
