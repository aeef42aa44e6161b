"""Writing a report: a page that needs no other file, its plots, and its figures last."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sightline import storage
from sightline.monitoring import (
    FIGURES,
    PAGE,
    MonitoringReport,
    build_report,
    page,
    read_window,
    watch_model,
    write_report,
)
from sightline.registry import Registry
from tests.browser import check_readable
from tests.captures import baseline_of, capture, predictions, publish_with
from tests.images import grey

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.slow
def test_report_is_one_self_contained_page_with_its_plots(registry: Registry, tmp_path: Path) -> None:
    random = np.random.default_rng(10)
    publish_with(registry, baseline_of(predictions(random, 400), random))
    rows = predictions(random, 300, second=0.9)
    capture(tmp_path / "c", rows, START, span=DAY, images=[grey(number % 256) for number in range(300)])
    model = watch_model(registry, "vehicles", tmp_path / "c", START, START + DAY)
    window = read_window(model, tmp_path / "c", START, START + DAY)
    written = write_report(build_report(window, note="<b>for the ward</b>"), window, tmp_path / "out")
    assert written.report == storage.uri_of(tmp_path / "out" / PAGE)
    assert MonitoringReport.model_validate_json(storage.read_bytes(tmp_path / "out" / FIGURES)) == written
    text = storage.read_bytes(tmp_path / "out" / PAGE).decode()
    assert "The share of motorcycle rose from" in text
    assert "&lt;b&gt;for the ward&lt;/b&gt;" in text
    assert not re.search(r'(src|href)="(?!data:)', text), "the page refers to no other file"
    assert "@media print" in text
    embedded = re.findall(r'src="data:image/(?:png|jpeg);base64,([^"]+)"', text)
    assert len(embedded) == len(written.plots) + 24
    check_readable(text, tmp_path)
    for uri in written.plots:
        with Image.open(io.BytesIO(storage.read_bytes(storage.locate(uri)))) as plot:
            assert plot.width > 600


def test_report_that_fails_to_be_written_has_no_figures(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_with(registry, None)
    capture(tmp_path / "c", predictions(np.random.default_rng(11), 20), START)
    model = watch_model(registry, "vehicles", tmp_path / "c", START, START + DAY)
    window = read_window(model, tmp_path / "c", START, START + DAY)
    monkeypatch.setattr(page, "draw_plots", lambda *_: [])

    def fail(*_: object) -> None:
        raise storage.StorageError("the disk is full")

    monkeypatch.setattr(storage, "write_file", fail)
    with pytest.raises(storage.StorageError):
        write_report(build_report(window), window, tmp_path / "out")
    assert not (tmp_path / "out" / FIGURES).exists()
