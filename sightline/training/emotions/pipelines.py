"""What is trained, and the simpler thing that it must be better than.

Each is one scikit-learn pipeline: whatever it learns from sessions, it learns where it is fitted, from those alone.
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
    """A random forest, not fitted.

    It takes NaN as it is: at each branch what is not known goes to the side that tells the classes better apart. The
    classes weigh the same however many sessions they have.
    """
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import Pipeline

    forest = RandomForestClassifier(trees, random_state=seed, class_weight="balanced")
    return Pipeline([("forest", forest)])


def logistic_pipeline() -> Pipeline:
    """A logistic regression, not fitted: medians for what is not known, one scale for all, classes of equal weight."""
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
    """The forest, fitted on all sessions; its ``classes_`` are places in the table's classes."""
    return forest_pipeline(trees, seed).fit(table.features, table.labels)
