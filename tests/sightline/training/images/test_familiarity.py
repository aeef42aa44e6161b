"""Training fits the measure of familiarity on training images, and chooses its limit on others."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import beta

from sightline.registry import ModelFiles, Registry
from sightline.registry.record import RECORD
from sightline.training.common.errors import UnsuitableData
from sightline.training.images import (
    Preset,
    TrainingData,
    add_familiarity,
    assess,
    fit,
    model_page,
    open_source,
    promote,
    publish,
    publishing,
    split,
)
from sightline.training.images.__main__ import main
from sightline.training.images.familiarity import fit_familiarity
from sightline.training.images.fit import embed
from sightline.vision import FAMILIARITY, create_backbone, familiarity_figures, load_classifier
from sightline.vision.familiarity import load_familiarity
from tests.familiarity import bars
from tests.images import INPUT


@pytest.mark.parametrize(("images", "target"), [(19, 0.05), (99, 0.01), (200, 0.02), (400, 0.1), (10, 0.01)])
def test_limit_is_the_conformal_quantile(images: int, target: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """The share of further images beyond the limit has a beta distribution (V. Vovk, 2012, proposition 2)."""
    # The limit is a quantile for any measure. Drawing strangers takes most of the time.
    monkeypatch.setattr("sightline.training.images.familiarity._MOST", 70)
    backbone = create_backbone("baseline_cnn").eval()
    familiarity = fit_familiarity(backbone, INPUT, bars(200), bars(images, 1), target)
    held_out, further = bars(images, 1), bars(2000, 2)
    beyond = int((familiarity.strangeness(embed(backbone, held_out, INPUT), held_out) > 1 + 1e-9).sum())
    assert beyond == int((images + 1) * target + 1e-9) - (1 if (images + 1) * target >= 1 else 0)
    rate = (familiarity.strangeness(embed(backbone, further, INPUT), further) > 1).mean()
    low, high = beta.ppf((1e-4, 1 - 1e-4), beyond + 1, images - beyond)
    assert low - 0.01 <= rate <= high + 0.01


def test_published_version_has_the_measure_and_its_false_alarms(
    data: TrainingData, quick: Preset, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "draw_plots", lambda *_, **__: [])
    splits = split(data.manifest, quick.shares, 42)
    labels = data.labels[splits.train]
    fitted = fit(quick.recipe(), data.pixels[splits.train], labels, len(data.manifest.classes), seed=42)
    assessed = assess(fitted, data, splits, quick.threshold, quick.false_alarms)
    folder = tmp_path / "version"
    folder.mkdir()
    record = publish(registry, "posture", quick, data, splits, assessed, folder, seed=42)
    figures = familiarity_figures(record)
    assert figures
    assert (figures.validation, figures.images) == (len(splits.validation), len(splits.test))
    assert record.files[FAMILIARITY].size < 1_000_000
    promotion = promote(registry, record, quick, data, splits, assessed, device="cpu")
    assert "refused as images of an unknown kind" in model_page(record, promotion, [], "/models")
    classifier = load_classifier(registry, "posture", device="cpu", backend="torch")
    examined = classifier.examine(np.asarray(data.pixels[splits.test]))
    assert sum((examination.strangeness or 0) > 1 for examination in examined) == figures.refused

    # The measure that is added to the finished version is the one from its training.
    finished, source = tmp_path / "finished", data.source.uri
    shutil.copytree(registry.root / "posture" / "1", finished)
    without = record.model_copy(
        update={
            "files": {name: entry for name, entry in record.files.items() if name != FAMILIARITY},
            "metrics": {name: value for name, value in record.metrics.items() if name != "familiarity"},
        }
    )
    (finished / RECORD).write_text(without.model_dump_json())
    (finished / FAMILIARITY).unlink()
    main([str(finished), source])
    added = add_familiarity(finished, open_source(source), quick.false_alarms)
    assert familiarity_figures(added) == figures
    assert added.model_copy(update={"files": record.files}) == record
    size = fitted.backbone.embedding_size
    assert load_familiarity(ModelFiles(added, finished), size)
    pixels = np.asarray(data.pixels[splits.test])
    embeddings = embed(fitted.backbone, pixels, data.input)
    measured = load_familiarity(ModelFiles(added, finished), size)
    assert measured
    expected = assessed.familiarity.strangeness(embeddings, pixels)
    assert measured.strangeness(embeddings, pixels) == pytest.approx(expected, rel=0.02)

    some = tmp_path / "some"
    some.mkdir()
    for file in sorted(Path(source).iterdir())[:100]:
        shutil.copy(file, some)
    with pytest.raises(UnsuitableData, match="lacks 80 of the 180 images"):
        add_familiarity(finished, open_source(some), quick.false_alarms)
