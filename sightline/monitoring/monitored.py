"""The model to monitor: its versions, by the names of their capture folders, and their baselines."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import datetime

from sightline import storage
from sightline.monitoring.capture_files import list_capture_files
from sightline.monitoring.predictions import Predictions, Unfamiliar, read_baseline
from sightline.names import ModelName
from sightline.registry import BASELINE, ModelRecord, Registry
from sightline.storage import Location
from sightline.vision import TASK, familiarity_figures

__all__ = ["MonitoredModel", "MonitoredVersion", "watch_endpoint", "watch_model"]

_VARIANT = re.compile(r"v([1-9]\d*)")


@dataclass(frozen=True)
class MonitoredVersion:
    """A version with captures. ``label``: ``posture/3``. ``record`` is None for an endpoint."""

    label: str
    classes: tuple[str, ...]
    threshold: float
    record: ModelRecord | None = None
    baseline: Predictions | None = None


@dataclass(frozen=True)
class MonitoredModel:
    """A model whose captures are stored below ``endpoint``.

    ``judged``: the version that is compared with its baseline. ``versions``: the versions with captures, by the name of
    the variant. ``variant``: the only variant to read, None for all.
    """

    name: str
    endpoint: str
    judged: MonitoredVersion
    versions: dict[str, MonitoredVersion] = field(default_factory=dict)
    variant: str | None = None

    @property
    def result_folders(self) -> tuple[str, ...]:
        """The default folders of results of runs with these versions, such as ``posture@3``, also those of v0.1."""
        names = [ModelName.parse(label) for label in self.labels]
        return tuple(dict.fromkeys(folder for name in names for folder in (name.folder, name.earlier_folder)))

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of these versions, such as ``posture/3``."""
        return tuple(dict.fromkeys(version.label for version in (self.judged, *self.versions.values())))

    def compared_with(self, baseline: Predictions) -> MonitoredModel:
        """Return a copy in which the judged version has another baseline."""
        judged = replace(self.judged, baseline=baseline)
        versions = {
            variant: judged if version is self.judged else version for variant, version in self.versions.items()
        }
        return replace(self, judged=judged, versions=versions)


def watch_model(
    registry: Registry, model: ModelName | str, capture: Location, since: datetime | None, until: datetime | None,
    threshold: float | None = None,
) -> MonitoredModel:  # fmt: skip
    """Return a model of the registry with its versions that have captures in the window.

    ``posture`` covers all of these versions, ``posture/3`` only one. The current version is judged or, if it has no
    captures in the window, the latest version that has. A variant that is
    not a version of the registry, such as ``AllTraffic``, is counted for the judged version. Raises ``ModelNotFound``,
    ``ModelDamaged``, and ``WrongTask`` for a model that does not classify images.
    """
    name = ModelName.of(model)
    record = registry.record(name)
    record.check_task(TASK, TASK)
    only_variant = name.capture_variant if name.version else None
    candidates = [only_variant] if only_variant else storage.folder_names(capture / record.name)
    variants = [variant for variant in candidates if _has_captures(capture / record.name / variant, since, until)]
    records = _records(registry, record.name, variants)
    if records and record.model_name.capture_variant not in records:
        record = max(records.values(), key=lambda candidate: candidate.version)
    judged = _version(registry, record, threshold)
    versions = {
        variant: judged if records.get(variant, record) == record else _version(registry, records[variant], threshold)
        for variant in variants
    }
    return MonitoredModel(record.name, record.name, judged, versions, only_variant)


def watch_endpoint(
    model: ModelName | str, classes: tuple[str, ...], threshold: float, capture: Location, since: datetime | None,
    until: datetime | None,
) -> MonitoredModel:  # fmt: skip
    """Return the SageMaker endpoint ``endpoint://NAME`` with all of its variants."""
    name = ModelName.of(model)
    endpoint = name.capture_endpoint
    version = MonitoredVersion(name.label, classes, threshold)
    candidates = storage.folder_names(capture / endpoint)
    variants = [variant for variant in candidates if _has_captures(capture / endpoint / variant, since, until)]
    return MonitoredModel(name.label, endpoint, version, dict.fromkeys(variants, version))


def _has_captures(folder: Location, since: datetime | None, until: datetime | None) -> bool:
    return next(list_capture_files(folder, since, until, lambda _: None), None) is not None


def _records(registry: Registry, name: str, variants: list[str]) -> dict[str, ModelRecord]:
    """Return the records of the variants that are versions of the registry."""
    published = set(registry.versions(name))
    numbers = {variant: int(match[1]) for variant in variants if (match := _VARIANT.fullmatch(variant))}
    return {variant: registry.record(name, number) for variant, number in numbers.items() if number in published}


def _version(registry: Registry, record: ModelRecord, threshold: float | None) -> MonitoredVersion:
    data = registry.read(record, BASELINE)
    return MonitoredVersion(
        label=record.label,
        classes=record.classes,
        threshold=record.threshold if threshold is None else threshold,
        record=record,
        baseline=read_baseline(data, f"the test set of {record.label}", record.classes, _unfamiliar(record))
        if data
        else None,
    )


def _unfamiliar(record: ModelRecord) -> Unfamiliar | None:
    """Return the false alarms on the version's test set, None if it has no measure of familiarity."""
    figures = familiarity_figures(record)
    return Unfamiliar(figures.images, figures.refused) if figures else None
