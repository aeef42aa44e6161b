"""The random forest that is trained, and the logistic regression that it is compared with.

Each is one scikit-learn pipeline, so that every step is fitted on the training sessions only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from sightline.training.emotions.dataset import SessionTable

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

__all__ = ["SEED", "TREES", "MakePipeline", "fit_forest", "forest_pipeline", "logistic_pipeline"]

TREES, SEED = 100, 42

MakePipeline: TypeAlias = "Callable[[], Pipeline]"


def forest_pipeline(trees: int = TREES, seed: int = SEED) -> Pipeline:
    """Return an unfitted random forest with balanced class weights.

    It accepts NaN: at each split, missing values go to the side that separates the classes better.
    """
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import Pipeline

    forest = RandomForestClassifier(trees, random_state=seed, class_weight="balanced")
    return Pipeline([("forest", forest)])


def logistic_pipeline() -> Pipeline:
    """Return an unfitted logistic regression: median imputation, standard scaling, balanced class weights."""
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    return Pipeline(
        [
            ("fill", SimpleImputer(strategy="median", keep_empty_features=True)),
            ("scale", StandardScaler()),
            ("logistic", LogisticRegression(max_iter=1000, class_weight="balanced")),
        ]
    )


def fit_forest(table: SessionTable, *, trees: int = TREES, seed: int = SEED) -> Pipeline:
    """Return the forest fitted on all sessions; its ``classes_`` are indices into the table's classes."""
    return forest_pipeline(trees, seed).fit(table.features, table.labels)
