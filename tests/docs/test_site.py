"""The documentation site is complete, builds without a warning, and loads nothing from other servers."""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from docs.site import __main__ as site
from docs.site.commands import commands_page
from docs.site.flows import draw, flows_page
from docs.site.settings import settings_page
from docs.site.steps import Step, steps_of
from flows.catalogue import CATALOGUE, COMMANDS
from sightline.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.integration
def test_diagram_has_every_task_of_a_run_in_order(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    from flows.classify_images import classify_images

    Image.new("RGB", (32, 32)).save(tmp_path / "black.png")
    with caplog.at_level(logging.INFO, "prefect.task_runs"):
        classify_images(str(tmp_path), "vehicles", output=str(tmp_path / "out"), capture=str(tmp_path / "capture"))
    ended = [record for record in caplog.records if record.getMessage().startswith("Finished in state")]
    runs = [getattr(record, "task_run_name", "") for record in ended if record.name == "prefect.task_runs"]
    names = [re.sub(r"-\w+$", "", run).replace("_", " ") for run in runs]
    steps = [step.name for step in steps_of("flows.classify_images:classify_images")]
    assert len(names) > 8
    # The name of a task may be a part of that of its function.
    drawn = [name for step in steps for name in dict.fromkeys(names) if step.startswith(name)]
    assert drawn == list(dict.fromkeys(names))


def test_steps_have_conditions_and_inputs() -> None:
    steps = steps_of("flows.process_video:process_video")
    by_name = {step.name: place for place, step in enumerate(steps)}
    transcribe, highlights = steps[by_name["transcribe"]], steps[by_name["cut highlights"]]
    assert transcribe.conditions[-1] == "unless written"
    assert highlights.conditions[-1] == "if highlights"
    assert by_name["track and annotate"] in highlights.inputs
    # Either source of the words is an input of what uses them.
    assert {by_name["transcribe"], by_name["fit transcript"]} <= set(steps[by_name["find emotions"]].inputs)
    assert [step.kind for step in steps_of("flows.classify_images:classify_images")].count("map") == 3


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.name)
def test_every_flow_has_a_diagram_of_its_steps(entry) -> None:  # type: ignore[no-untyped-def]
    steps = steps_of(entry.target)
    assert steps
    drawing = draw(steps, entry.name)
    assert all(f">{step.name}</text>" in drawing for step in steps)
    assert all(step.summary for step in steps)


def test_diagram_escapes_what_it_shows() -> None:
    assert "<b>" not in draw([Step("a <b> c", "d & <e>", "task", ("if x < 1",))], "title")


def test_every_flow_and_command_has_a_reference() -> None:
    page, flows = commands_page(), flows_page()
    assert all(f"\n## sightline {entry.name}\n" in page for entry in (*CATALOGUE, *COMMANDS))
    assert all(f"\n## {entry.name}\n" in flows for entry in CATALOGUE)
    assert "--min-confidence" not in page.partition("## sightline classify-images")[2].partition("\n## ")[0]
    assert "--chunk-size" in page.partition("## sightline classify-images")[2].partition("\n## ")[0]


def test_every_setting_has_a_row_with_a_description() -> None:
    items = [line.partition("<br>") for line in settings_page().splitlines() if line.startswith("- `")]
    assert len(items) == len(Settings.model_fields)
    assert [name for name, _, description in items if not description.strip()] == []


def test_link_to_a_missing_file_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "page.md").write_text("See [the code](../flows/gone.py).")
    monkeypatch.setattr(site, "ROOT", tmp_path)
    with pytest.raises(ValueError, match=r"docs/page\.md links to flows/gone\.py, which does not exist"):
        site.main(tmp_path / "out")


class _Loaded(HTMLParser):
    """Collects the addresses that a page loads, and those that it links to."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.linked: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in ("script", "img", "iframe", "source") and values.get("src"):
            self.loaded.append(str(values["src"]))
        if tag == "link" and values.get("rel") not in ("canonical", "next", "prev"):
            self.loaded.append(str(values.get("href")))
        if tag == "a" and values.get("href"):
            self.linked.append(str(values["href"]))


def test_site_is_built_strictly_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    shutil.copy(ROOT / "zensical.toml", tmp_path)
    site.main(tmp_path / "build" / "docs-source")
    built = subprocess.run(
        [Path(sys.executable).with_name("zensical"), "build", "--strict"],
        cwd=tmp_path, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert built.returncode == 0, built.stdout + built.stderr
    pages = {page.name: page for page in (tmp_path / "build" / "docs").glob("*.html") if page.name != "404.html"}
    assert {"index.html", "commands.html", "flows.html", "settings.html", "troubleshooting.html"} <= pages.keys()
    for page in pages.values():
        parser = _Loaded()
        parser.feed(page.read_text("utf-8"))
        assert [address for address in parser.loaded if "//" in address] == []
        local = [link.partition("#")[0] for link in parser.linked if "//" not in link]
        assert [link for link in local if link and not (page.parent / link).exists()] == []
