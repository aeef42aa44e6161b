"""The record of a monitoring report: the facts about a model's predictions in a window."""

from __future__ import annotations

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from sightline.errors import FailedWithResult
from sightline.monitoring.drift import DriftComparison
from sightline.monitoring.performance import Estimate, RiskPoint

__all__ = [
    "BaselineFacts",
    "ClassFigures",
    "Latency",
    "MonitorBlind",
    "MonitoringReport",
    "Period",
    "UncertainItem",
    "VersionFigures",
]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, populate_by_name=True, serialize_by_alias=True)


class VersionFigures(_Record):
    """Figures of one version. ``first`` and ``last``: the hours of its first and its last prediction."""

    events: int
    threshold: float
    mean_confidence: float
    first: AwareDatetime
    last: AwareDatetime


class ClassFigures(_Record):
    """The predictions of one class. ``baseline_share`` is None without a baseline."""

    events: int
    share: float
    mean_confidence: float | None
    baseline_share: float | None


class Latency(_Record):
    """The latency of inferences in seconds. ``events``: the number of inferences with a captured latency."""

    events: int
    median: float
    p95: float
    p99: float


class Period(_Record):
    """One period of the window. Periods are in order of time; those without predictions are left out.

    ``version``: the one with the most predictions. ``rolling_confidence``: the mean over this period and the six before
    it. ``psi`` and ``total_variation``: the distances of the confidence and the classes from that version's baseline;
    None without a baseline, or with too few predictions in the period. ``checked``: the images whose kind was checked;
    ``unfamiliar``: those of them that are of an unknown kind.
    """

    start: AwareDatetime
    version: str
    events: int
    accepted: int
    rejected: int
    mean_confidence: float
    rolling_confidence: float
    expected_accuracy: Estimate
    classes: dict[str, int]
    psi: float | None
    total_variation: float | None
    latency_median: float | None
    latency_p95: float | None
    checked: int = 0
    unfamiliar: int = 0


class BaselineFacts(_Record):
    """The baseline of the comparisons. ``unfamiliar``: its share of images of an unknown kind, None if not measured."""

    source: str
    predictions: int
    embeddings: int
    mean_confidence: float
    accuracy: float | None
    unfamiliar: float | None = None


class UncertainItem(_Record):
    """An uncertain prediction. ``uri``: of the image, or of the capture file and its line if it was not captured."""

    uri: str
    class_name: str
    confidence: float
    at: AwareDatetime


class MonitoringReport(_Record):
    """A model's predictions from ``since`` on and before ``until``.

    ``version``: the version that was compared with ``baseline``. ``data``, ``preset`` and ``pretrained``: the
    parameters of its training, None if its record lacks them. ``events``: predictions, each counted once.
    ``duplicates``: lines that repeat an event. ``bad_lines``: unreadable lines or files; ``bad_line_examples`` lists
    the first ones. ``misdated``: events whose own time is outside the window or more than a day from that of their
    file, which are counted at the file's time; ``misdated_examples`` lists the first ones. ``rejected``: images that
    were rejected before the model, according to the runs' results.
    ``expected_accuracy`` needs no labels; None without predictions. ``comparisons``: all quantities that were compared;
    ``drift``: those that have drifted; ``not_compared``: why a quantity was not compared. ``report``: the URI of the
    page, None if nothing was written. ``problem``: why the report has no predictions, or too few of those that were
    captured; ``blind``: whether it could not read most of them.
    """

    model: str
    version: str
    since: AwareDatetime
    until: AwareDatetime
    note: str | None
    synthetic: bool
    data: str | None
    preset: str | None = None
    pretrained: bool | None = None
    threshold: float
    classes: tuple[str, ...]

    events: int
    duplicates: int
    bad_lines: int
    bad_line_examples: tuple[str, ...] = Field(alias="bad_lines_named")
    misdated: int = 0
    misdated_examples: tuple[str, ...] = ()
    accepted: int
    low_confidence: int
    checked: int = 0
    unfamiliar: int = 0
    rejected: int
    reasons: dict[str, int]

    mean_confidence: float | None
    expected_accuracy: Estimate | None
    versions: dict[str, VersionFigures]
    per_class: dict[str, ClassFigures]
    latency: Latency | None
    period_hours: int
    periods: tuple[Period, ...]
    risk_coverage: tuple[RiskPoint, ...]

    baseline: BaselineFacts | None
    comparisons: tuple[DriftComparison, ...] = Field(alias="looked_at")
    drift: tuple[DriftComparison, ...]
    not_compared: str | None = Field(alias="not_looked_at")

    least_certain: tuple[UncertainItem, ...]
    report: str | None = None
    plots: tuple[str, ...] = ()
    problem: str | None = None
    blind: bool = False

    @property
    def headline(self) -> str:
        """The outcome in a sentence."""
        if self.problem:
            return self.problem
        if self.drift:
            return "; ".join(comparison.summary for comparison in self.drift)
        if not self.comparisons:
            return "not compared with a baseline"
        return "no drift"


class MonitorBlind(FailedWithResult):
    """Most of a window's captures cannot be read, so that nothing is known about the model. ``result``: the report."""
