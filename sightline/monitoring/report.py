"""What is known of a model's predictions in a time."""

from __future__ import annotations

from pydantic import AwareDatetime, BaseModel, ConfigDict

from sightline.monitoring.drift import Comparison
from sightline.monitoring.performance import Estimate, RiskPoint

__all__ = ["BaselineFacts", "ClassFigures", "Latency", "MonitoringReport", "Period", "UncertainItem", "VersionFigures"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class VersionFigures(_Frozen):
    """A version's part. ``first`` and ``last``: the hours of its first and its last prediction."""

    events: int
    threshold: float
    mean_confidence: float
    first: AwareDatetime
    last: AwareDatetime


class ClassFigures(_Frozen):
    """The predictions of one class. ``baseline_share``: None where there is no baseline."""

    events: int
    share: float
    mean_confidence: float | None
    baseline_share: float | None


class Latency(_Frozen):
    """The seconds that inferences took, of as many as that was captured of."""

    events: int
    median: float
    p95: float
    p99: float


class Period(_Frozen):
    """One part of the time, in the order of time; one without predictions is left out.

    ``rolling_confidence``: the mean over this period and the six before it. ``psi`` and ``total_variation``: how far
    the confidence and the classes are from the baseline of the version that predicted the most; None where that has no
    baseline, or the period too few predictions.
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


class BaselineFacts(_Frozen):
    """What the predictions were compared with."""

    source: str
    predictions: int
    embeddings: int
    mean_confidence: float
    accuracy: float | None


class UncertainItem(_Frozen):
    """A prediction to look at. ``uri``: of the image, or of the capture file and line where that is not captured."""

    uri: str
    class_name: str
    confidence: float
    at: AwareDatetime


class MonitoringReport(_Frozen):
    """A model's predictions from ``since`` on and before ``until``.

    ``events``: predictions, each counted once; ``duplicates``: lines that repeat one; ``bad_lines``: lines, or files,
    that could not be read, the first of which ``bad_lines_named`` names. ``rejected``: images that no model was asked
    about, by what the runs' results tell. ``version`` is the one that was compared with ``baseline``: ``looked_at`` is
    all that was compared, ``drift`` that which has drifted, ``not_looked_at`` why something was not compared.
    ``data``, ``preset`` and ``pretrained``: how that version was trained, as a training takes it; None where its record
    does not say.
    ``expected_accuracy`` needs no labels; None where there are no predictions. ``report`` is the page's URI, None where
    nothing was written.
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
    bad_lines_named: tuple[str, ...]
    accepted: int
    low_confidence: int
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
    looked_at: tuple[Comparison, ...]
    drift: tuple[Comparison, ...]
    not_looked_at: str | None

    least_certain: tuple[UncertainItem, ...]
    report: str | None = None
    plots: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """The outcome in a sentence."""
        if self.drift:
            return "; ".join(each.says for each in self.drift)
        if not self.looked_at:
            return "not compared with a baseline"
        return "nothing unusual"
