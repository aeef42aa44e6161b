"""A stage runs only if its inputs, parameters or code have changed."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from sightline import storage
from sightline.storage import Location
from sightline.training.common.stage_graph import StageGraph
from sightline.training.common.stages import Stage

ROOT = Path(__file__).resolve().parents[4]


class Toy:
    """A graph read → double → sum, and read → shout; ``ran`` lists the stages that ran."""

    def __init__(self, root: Location, cache: Path) -> None:
        self.root, self.cache = root, cache
        self.ran: list[str] = []
        self.text = "b a"
        self.parameters: dict[str, dict[str, object]] = {"double": {"times": 2}, "sum": {"epochs": 10, "lr": 0.1}}
        self.code: dict[str, tuple[str, ...]] = {}

    @property
    def graph(self) -> StageGraph:
        return StageGraph(
            [
                self._stage("read", ("words",), lambda inputs: "".join(sorted(self.text)).strip()),
                self._stage(
                    "double", ("read",), lambda inputs: inputs["read"] * int(str(self.parameters["double"]["times"]))
                ),
                self._stage("sum", ("double",), lambda inputs: str(len(inputs["double"]))),
                self._stage("shout", ("read",), lambda inputs: inputs["read"].upper()),
            ],
            {"words": hashlib.sha256(self.text.encode()).hexdigest()},
            self.root,
            cache=self.cache,
        )

    def run(self) -> list[str]:
        """Run all stages; return the names of those that did work."""
        self.ran.clear()
        graph = self.graph
        for name in graph.stages:
            graph.run(name)
        return list(self.ran)

    def stale(self) -> dict[str, str]:
        """Return the reason for every stage that needs to run."""
        return {state.name: state.why for state in self.graph.plan() if not state.fresh}

    def _stage(self, name: str, inputs: tuple[str, ...], make: Callable[[Mapping[str, str]], str]) -> Stage:
        def work(folders: Mapping[str, Path], folder: Path, progress: object) -> None:
            self.ran.append(name)
            text = make({name: (path / "in" / "text").read_text() for name, path in folders.items()})
            (folder / "in").mkdir()
            (folder / "in" / "text").write_text(text)

        return Stage(name, work, inputs, self.parameters.get(name, {}), self.code.get(name, ()))


@pytest.fixture
def toy(bucket: Location, tmp_path: Path) -> Toy:
    return Toy(bucket / ".stages", tmp_path / "cache")


@pytest.fixture
def local(tmp_path: Path) -> Toy:
    return Toy(tmp_path / "stages", tmp_path / "cache")


ALL_STAGES = ["read", "double", "sum", "shout"]


def test_unchanged_graph_runs_no_stage_again(toy: Toy) -> None:
    assert toy.stale() == {
        "read": "has not been run", "double": "waits for read", "sum": "waits for double", "shout": "waits for read"
    }  # fmt: skip
    assert toy.run() == ALL_STAGES
    assert toy.stale() == {}
    assert toy.run() == []
    assert (toy.graph.folder("sum") / "in" / "text").read_text() == "4"


def test_other_machine_reuses_stored_stages(toy: Toy, tmp_path: Path) -> None:
    toy.run()
    other = Toy(toy.root, tmp_path / "other cache")
    assert other.run() == []
    assert (other.graph.folder("shout") / "in" / "text").read_text() == "AB"
    other.text = "c b a"
    assert other.run() == ALL_STAGES
    assert toy.run() == []


def test_changed_parameter_runs_its_stage_and_later_ones(toy: Toy) -> None:
    toy.run()
    toy.parameters["double"] = {"times": 3}
    assert toy.stale() == {"double": "parameters changed: times 2 → 3", "sum": "waits for double"}
    assert toy.run() == ["double", "sum"]
    toy.parameters["sum"] = {"epochs": 12}
    assert toy.stale() == {"sum": "parameters changed: epochs 10 → 12, lr 0.1 → none"}
    assert toy.run() == ["sum"]


def test_restored_parameters_run_no_stage(local: Toy) -> None:
    local.run()
    local.parameters["double"] = {"times": 3}
    local.run()
    local.parameters["double"] = {"times": 2}
    assert local.run() == []


def test_changed_data_runs_all_dependent_stages(toy: Toy) -> None:
    toy.run()
    toy.text = "ab c"
    assert toy.stale()["read"] == "inputs changed: words"
    assert toy.run() == ALL_STAGES


def test_stage_with_unchanged_output_leaves_later_stages_fresh(toy: Toy) -> None:
    toy.run()
    toy.text = "a b"
    assert toy.run() == ["read"]
    assert toy.stale() == {}


def test_changed_code_runs_its_stage(local: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "modules" / "module_of_a_stage.py"
    source.parent.mkdir()
    source.write_text("TIMES = 2\n")
    # After the file exists: an import of another thread would cache that the folder is missing or empty.
    monkeypatch.syspath_prepend(str(source.parent))
    local.code["double"] = ("module_of_a_stage",)
    local.run()
    source.write_text("TIMES = 2  # twice\n")
    assert local.stale() == {"double": "code changed: module_of_a_stage", "sum": "waits for double"}
    assert local.run() == ["double"]


def test_failed_stage_stores_nothing(toy: Toy) -> None:
    toy.parameters["double"] = {"times": "twice"}
    with pytest.raises(ValueError, match="twice"):
        toy.run()
    assert toy.ran == ["read", "double"]
    assert "double" in toy.stale()
    assert not list(storage.walk(toy.root / "double"))


def test_stage_with_failed_write_of_its_record_is_unfinished(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> bool:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(storage, "swap", fail)
        with pytest.raises(OSError, match="no space left"):
            toy.run()
    assert toy.stale()["read"] == "has not been run"
    assert toy.run() == ALL_STAGES


@pytest.mark.parametrize("damage", ["lost", "cut", "changed"])
def test_damaged_file_reruns_only_its_stage(toy: Toy, damage: str) -> None:
    toy.run()
    [file] = [entry.location for entry in storage.walk(toy.root / "read") if entry.location.name == "text"]
    if damage == "lost":
        storage.remove(file)
    else:
        storage.write_bytes(file, b"a" if damage == "cut" else b"xy")
    # In a bucket, the content of a file with unchanged length is verified only when it is needed.
    undetected = damage == "changed" and not isinstance(file, Path)
    assert toy.stale().get("read", "") == ("" if undetected else "in/text is missing or damaged")
    assert (toy.graph.folder("read") / "in" / "text").read_text() == "ab"
    assert toy.run() == []


def test_damaged_record_reruns_its_stage(toy: Toy) -> None:
    toy.run()
    [file] = [entry.location for entry in storage.walk(toy.root / "sum") if entry.location.name == "stage.json"]
    storage.write_bytes(file, b"{")
    assert toy.stale() == {"sum": "stage.json is damaged"}
    assert toy.run() == ["sum"]


def test_damaged_cached_copy_is_fetched_again(s3_bucket: Location, tmp_path: Path) -> None:
    toy = Toy(s3_bucket, tmp_path / "cache")
    toy.run()
    copy = toy.graph.folder("read") / "in" / "text"
    copy.write_text("xy")
    assert (toy.graph.folder("read") / "in" / "text").read_text() == "ab"
    assert toy.run() == []


def test_concurrent_machines_store_one_result(toy: Toy, tmp_path: Path) -> None:
    """The work of both machines meets at a barrier: both run it, and both continue with the same record."""
    barrier = threading.Barrier(2, timeout=60)

    def work(folders: Mapping[str, Path], folder: Path, progress: object) -> None:
        barrier.wait()
        (folder / "who").write_text(str(threading.get_ident()))

    def graph() -> StageGraph:
        return StageGraph([Stage("slow", work)], {}, toy.root, cache=tmp_path / "cache")

    records = []
    threads = [threading.Thread(target=lambda: records.append(graph().run("slow").record)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({record.contents for record in records}) == 1
    stored = [entry.location for entry in storage.walk(toy.root / "slow") if entry.location.name == "who"]
    assert len(stored) == 1
    assert graph().plan()[0].fresh


def test_killed_stage_is_unfinished(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from sightline import storage\n"
        "from sightline.training.common.stage_graph import StageGraph\n"
        "from sightline.training.common.stages import Stage\n"
        "real = storage.write_file\n"
        "def write_file(location, source):\n"
        "    real(location, source)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "storage.write_file = write_file\n"
        "def work(inputs, folder, progress):\n"
        "    for name in 'ab': (folder / name).write_text(name)\n"
        "StageGraph([Stage('letters', work)], {}, Path(sys.argv[1])).run('letters')\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert list(storage.walk(tmp_path))

    def work(inputs: Mapping[str, Path], folder: Path, progress: object) -> None:
        (folder / "a").write_text("complete")

    graph = StageGraph([Stage("letters", work)], {}, tmp_path)
    assert not graph.plan()[0].fresh
    assert (graph.folder("letters") / "a").read_text() == "complete"


def test_graph_without_data_has_plan_and_diagram(tmp_path: Path) -> None:
    def work(inputs: Mapping[str, Path], folder: Path, progress: object) -> None:
        raise AssertionError

    graph = StageGraph([Stage("read", work, ("words",)), Stage("sum", work, ("read",))], {"words": None}, tmp_path)
    assert [state.why for state in graph.plan()] == ["needs words, and no data is named", "waits for read"]
    diagram = graph.mermaid().splitlines()
    assert diagram[0] == "flowchart TD"
    assert {'    n1[("words")]', '    n2["read"]:::stale', "    n1 --> n2", "    n2 --> n3"} <= set(diagram)


def test_stage_listed_before_its_input_is_rejected(tmp_path: Path) -> None:
    def stages(names: Sequence[str]) -> list[Stage]:
        inputs = {"read": (), "sum": ("read",)}
        return [Stage(name, lambda *_: None, inputs[name]) for name in names]

    StageGraph(stages(["read", "sum"]), {}, tmp_path)
    with pytest.raises(ValueError, match="sum depends on read"):
        StageGraph(stages(["sum", "read"]), {}, tmp_path)


def test_missing_code_module_is_rejected(local: Toy) -> None:
    local.code["read"] = ("sightline.no_such_module",)
    with pytest.raises(ValueError, match=r"sightline\.no_such_module is not a module"):
        local.run()
