"""A report as files: a page that needs no others, its plots, and its figures as JSON."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sightline import storage
from sightline.monitoring.gather import Gathered
from sightline.monitoring.least_certain import Uncertain
from sightline.monitoring.plots import PLOTS, draw_report
from sightline.monitoring.report import MonitoringReport
from sightline.monitoring.watched import Watched
from sightline.storage import Location

__all__ = ["FIGURES", "PAGE", "write_report"]

PAGE, FIGURES = "report.html", "report.json"

_TEMPLATE = "report.html.j2"
_WIDE = 900  # pixels from which a plot has a row of the page to itself
_SMALL = 64  # pixels up to which a picture is shown with its pixels


def write_report(report: MonitoringReport, watched: Watched, gathered: Gathered, folder: Location) -> MonitoringReport:
    """Write the report into ``folder``, over an earlier one; the report, which says where its files are.

    :data:`FIGURES` is written last: a folder without it holds no report. Raises ``StorageError``.
    """
    with TemporaryDirectory(prefix="sightline-") as name:
        local = Path(name)
        plots = draw_report(local, report, watched, gathered) if report.events else []
        written = report.model_copy(
            update={
                "report": storage.uri_of(folder / PAGE),
                "plots": tuple(storage.uri_of(folder / plot) for plot in plots),
            }
        )
        (local / PAGE).write_text(_page(written, [local / plot for plot in plots], gathered.least_certain), "utf-8")
        for file in (*plots, PAGE):
            storage.write_file(folder / file, local / file)
    storage.write_bytes(folder / FIGURES, written.model_dump_json(indent=2).encode())
    return written


def _page(report: MonitoringReport, plots: Sequence[Path], least_certain: Sequence[Uncertain]) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {
        "effect": lambda name: {"psi": "PSI", "ks": "KS", "auc": "AUC", "cramer v": "Cramér's V"}.get(name, name),
        "moment": _moment,
        "p_value": lambda p: f"{p:.3f}" if p >= 0.001 else "< 0.001",
        "percent": lambda share: f"{100 * share:.1f} %",
        "seconds": lambda seconds: f"{seconds:.2f} s" if seconds >= 1 else f"{1e3 * seconds:.3g} ms",
        "sentence": lambda text: text[:1].upper() + text[1:],
    }
    period = f"{_moment(report.since)} to {_moment(report.until)} UTC"
    return environment.get_template(_TEMPLATE).render(
        report=report,
        period=period,
        plots=[_plot(plot) for plot in plots],
        tiles=[_tile(each) for each in least_certain],
    )


def _plot(file: Path) -> dict[str, Any]:
    from PIL import Image

    data = file.read_bytes()
    width, height = Image.open(io.BytesIO(data)).size
    return {
        "title": PLOTS[file.stem], "data": b64encode(data).decode(), "width": width, "height": height,
        "wide": width >= _WIDE,
    }  # fmt: skip


def _tile(item: Uncertain) -> dict[str, Any]:
    from PIL import Image

    picture, small = None, False
    if item.thumbnail:
        with Image.open(io.BytesIO(item.thumbnail)) as image:
            small = max(image.size) <= _SMALL
            picture = f"data:{image.get_format_mimetype()};base64,{b64encode(item.thumbnail).decode()}"
    return {
        "picture": picture, "small": small, "class_name": item.said, "confidence": item.confidence, "at": item.at,
        "uri": item.uri, "name": item.uri.rpartition("/")[2],
    }  # fmt: skip


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"
