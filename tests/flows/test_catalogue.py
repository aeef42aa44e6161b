"""The catalogue agrees with the flows."""

from __future__ import annotations

import inspect
import io
import subprocess
import sys
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from pydantic import BaseModel

import flows
from flows.__main__ import run
from flows.catalogue import CATALOGUE, COMMANDS, CommandEntry, FlowEntry

every_flow = pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.name)


def test_catalogue_imports_neither_prefect_nor_a_flow() -> None:
    targets = {entry.target.partition(":")[0] for entry in CATALOGUE}
    code = f"import sys, flows.catalogue; print(sorted({targets | {'prefect', 'torch'}!r} & set(sys.modules)))"
    completed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert completed.stdout == "[]\n"


def test_every_flow_module_is_in_the_catalogue() -> None:
    modules = {
        f"flows.{path.stem}"
        for path in Path(flows.__path__[0]).glob("*.py")
        if "\n@sightline_flow" in path.read_text("utf-8")
    }
    assert modules == {entry.target.partition(":")[0] for entry in CATALOGUE}


@every_flow
def test_flow_has_the_name_and_summary_of_its_entry(entry: FlowEntry) -> None:
    flow = entry.load()
    assert flow.name == entry.name
    assert (inspect.getdoc(flow) or "").splitlines()[0] == entry.summary


@pytest.mark.parametrize("entry", [*CATALOGUE, *COMMANDS], ids=lambda entry: entry.name)
def test_help_from_the_source_is_that_of_the_flow(
    entry: FlowEntry | CommandEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    from_source, from_flow = io.StringIO(), io.StringIO()
    assert run([entry.name, "--help"], from_source) == 0
    monkeypatch.setattr("flows.__main__.signature_of", lambda target: target)
    assert run([entry.name, "--help"], from_flow) == 0
    assert "Usage" in from_source.getvalue()
    assert from_source.getvalue() == from_flow.getvalue()


@every_flow
def test_flow_returns_a_result_model(entry: FlowEntry) -> None:
    returned = get_type_hints(entry.load().fn)["return"]
    assert any(isinstance(kind, type) and issubclass(kind, BaseModel) for kind in (returned, *get_args(returned)))


@every_flow
def test_form_describes_every_field_in_signature_order(entry: FlowEntry) -> None:
    flow = entry.load()
    fields = flow.parameters.properties
    assert sorted(fields, key=lambda name: fields[name]["position"]) == list(inspect.signature(flow.fn).parameters)
    assert [name for name, field in fields.items() if not field.get("description")] == []


@every_flow
def test_flow_has_no_parameter_named_like_a_cli_option(entry: FlowEntry) -> None:
    assert not {"json", "verbose", "help", "version"} & set(entry.load().parameters.properties)
