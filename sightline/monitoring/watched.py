"""What is watched: a model, its versions as the capture files name them, and what each takes for normal."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import datetime

from sightline import storage
from sightline.errors import InvalidInput
from sightline.monitoring.layout import capture_files
from sightline.monitoring.predictions import Predictions
from sightline.names import ModelName
from sightline.registry import BASELINE, Baseline, ModelRecord, Registry
from sightline.storage import Location
from sightline.vision import TASK

__all__ = ["Version", "Watched", "read_baseline", "watch_endpoint", "watch_model"]

_VARIANT = re.compile(r"v([1-9]\d*)")


@dataclass(frozen=True)
class Version:
    """A version that predicts. ``label``: ``posture/3``. ``record`` is None for an endpoint's."""

    label: str
    classes: tuple[str, ...]
    threshold: float
    record: ModelRecord | None = None
    baseline: Predictions | None = None


@dataclass(frozen=True)
class Watched:
    """A model whose captures lie below ``endpoint``.

    ``versions``: those that have captured something, by the variant's name. ``judged``: the one that is compared with
    its baseline. ``variant``: the only one to read, None for all.
    """

    name: str
    endpoint: str
    judged: Version
    versions: dict[str, Version] = field(default_factory=dict)
    variant: str | None = None

    @property
    def result_folders(self) -> tuple[str, ...]:
        """The folders of results that runs by these versions have, where nothing else was said: ``posture-3``."""
        labels = dict.fromkeys(each.label for each in (self.judged, *self.versions.values()))
        return tuple(ModelName.parse(label).folder for label in labels)

    def compared_with(self, baseline: Predictions) -> Watched:
        """The same, with another baseline for the version that is judged."""
        judged = replace(self.judged, baseline=baseline)
        versions = {name: judged if each is self.judged else each for name, each in self.versions.items()}
        return replace(self, judged=judged, versions=versions)


def watch_model(
    registry: Registry, model: ModelName | str, capture: Location, since: datetime | None, until: datetime | None,
    threshold: float | None = None,
) -> Watched:  # fmt: skip
    """The model ``posture`` with every version that has captures in the time, or its version ``posture/3`` alone.

    Of several versions the current one is judged; where that has captured nothing yet, the latest that has. A variant
    that is none of the registry's versions, ``AllTraffic`` say, is taken for the one that is judged. Raises
    ``ModelNotFound``, ``ModelDamaged``, and ``WrongTask`` where it is not one that classifies images.
    """
    asked = ModelName.of(model)
    record = registry.record(asked)
    record.check_task(TASK, TASK)
    alone = asked.capture_variant if asked.version else None
    there = {
        variant
        for variant in ([alone] if alone else storage.folder_names(capture / record.name))
        if next(capture_files(capture / record.name / variant, since, until, lambda _: None), None)
    }
    known = _known(registry, record.name, there)
    if known and record.model_name.capture_variant not in known:
        record = max(known.values(), key=lambda each: each.version)
    judged = _version(registry, record, threshold)
    versions = {
        variant: judged if (found := known.get(variant, record)) == record else _version(registry, found, threshold)
        for variant in there
    }
    return Watched(record.name, record.name, judged, versions, alone)


def watch_endpoint(
    model: ModelName | str, classes: tuple[str, ...], threshold: float, capture: Location, since: datetime | None,
    until: datetime | None,
) -> Watched:  # fmt: skip
    """A SageMaker endpoint, ``endpoint://NAME``, with all of its variants."""
    name = ModelName.of(model)
    endpoint = name.capture_endpoint
    only = Version(name.label, classes, threshold)
    there = (
        variant
        for variant in storage.folder_names(capture / endpoint)
        if next(capture_files(capture / endpoint / variant, since, until, lambda _: None), None)
    )
    return Watched(name.label, endpoint, only, dict.fromkeys(there, only))


def read_baseline(data: bytes, source: str, classes: tuple[str, ...]) -> Predictions:
    """The baseline in a file. Raises ``InvalidInput`` where it is none, or is one of other classes."""
    try:
        found = Baseline.load(data)
    except ValueError as error:
        raise InvalidInput(source, str(error), f"Name a version's {BASELINE}, or a time as SINCE/UNTIL") from error
    if found.probabilities.shape[1] != len(classes):
        raise InvalidInput(
            source,
            f"is of {found.probabilities.shape[1]} classes, and the model has {len(classes)}",
            "Name the baseline of a version with the same classes",
        )
    return Predictions.of(found, source)


def _known(registry: Registry, name: str, variants: set[str]) -> dict[str, ModelRecord]:
    """The records of the variants that are versions in the registry."""
    published = set(registry.versions(name))
    numbers = {variant: int(found[1]) for variant in variants if (found := _VARIANT.fullmatch(variant))}
    return {variant: registry.record(name, number) for variant, number in numbers.items() if number in published}


def _version(registry: Registry, record: ModelRecord, threshold: float | None) -> Version:
    data = registry.read(record, BASELINE)
    return Version(
        label=record.label,
        classes=record.classes,
        threshold=record.threshold if threshold is None else threshold,
        record=record,
        baseline=read_baseline(data, f"the test set of {record.label}", record.classes) if data else None,
    )
