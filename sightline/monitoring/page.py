"""Writing a report: a self-contained HTML page, its plots, and its figures as JSON."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sightline import storage
from sightline.monitoring.plots import PLOTS, draw_plots
from sightline.monitoring.report import MonitoringReport
from sightline.monitoring.samples import UncertainPrediction
from sightline.monitoring.window import Window
from sightline.storage import Location

__all__ = ["FIGURES", "PAGE", "write_report"]

PAGE, FIGURES = "report.html", "report.json"

_TEMPLATE = "report.html.j2"
_WIDE = 900  # pixels from which on a plot has a row of the page to itself
_SMALL = 64  # pixels up to which an image is enlarged without smoothing


def write_report(report: MonitoringReport, window: Window, folder: Location) -> MonitoringReport:
    """Write the report into ``folder`` and return it with the URIs of its files. An earlier report is replaced.

    :data:`FIGURES` is written last: a folder without it holds no report. Raises ``StorageError``.
    """
    with TemporaryDirectory(prefix="sightline-") as name:
        local = Path(name)
        plots = draw_plots(local, report, window) if report.events else []
        written = report.model_copy(
            update={
                "report": storage.uri_of(folder / PAGE),
                "plots": tuple(storage.uri_of(folder / plot) for plot in plots),
            }
        )
        (local / PAGE).write_text(_page(written, [local / plot for plot in plots], window.least_certain), "utf-8")
        for file in (*plots, PAGE):
            storage.write_file(folder / file, local / file)
    storage.write_bytes(folder / FIGURES, written.model_dump_json(indent=2).encode())
    return written


def _page(report: MonitoringReport, plots: Sequence[Path], least_certain: Sequence[UncertainPrediction]) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {
        "effect": lambda name: {"psi": "PSI", "ks": "KS", "auc": "AUC", "cramer v": "Cramér's V"}.get(name, name),
        "time": _time,
        "p_value": lambda p: f"{p:.3f}" if p >= 0.001 else "< 0.001",
        "percent": lambda share: f"{100 * share:.1f} %",
        "seconds": lambda seconds: f"{seconds:.2f} s" if seconds >= 1 else f"{1e3 * seconds:.3g} ms",
        "sentence": lambda text: text[:1].upper() + text[1:],
    }
    return environment.get_template(_TEMPLATE).render(
        report=report,
        window=f"{_time(report.since)} to {_time(report.until)} UTC",
        plots=[_plot(plot) for plot in plots],
        tiles=[_tile(prediction) for prediction in least_certain],
    )


def _plot(file: Path) -> dict[str, Any]:
    from PIL import Image

    data = file.read_bytes()
    width, height = Image.open(io.BytesIO(data)).size
    return {
        "title": PLOTS[file.stem], "data": b64encode(data).decode(), "width": width, "height": height,
        "wide": width >= _WIDE,
    }  # fmt: skip


def _tile(prediction: UncertainPrediction) -> dict[str, Any]:
    from PIL import Image

    source, small = None, False
    if prediction.thumbnail:
        with Image.open(io.BytesIO(prediction.thumbnail)) as image:
            small = max(image.size) <= _SMALL
            source = f"data:{image.get_format_mimetype()};base64,{b64encode(prediction.thumbnail).decode()}"
    return {
        "image": source, "small": small, "class_name": prediction.class_name, "confidence": prediction.confidence,
        "at": prediction.at, "uri": prediction.uri, "name": prediction.uri.rpartition("/")[2],
    }  # fmt: skip


def _time(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M}"
