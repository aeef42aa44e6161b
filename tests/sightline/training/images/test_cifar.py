"""CIFAR-10 and CIFAR-100 are read from the files of their authors, without running what a pickle contains."""

from __future__ import annotations

import pickle
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sightline.training.common import UnsuitableData
from sightline.training.images import TrainingData, cifar, load_preset, open_source, read_training_data
from sightline.vision.labelled import ImageSource

NAMES = {
    "cifar10": ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"],
    "cifar100": ["apple", "aquarium_fish", "bicycle", "motorcycle"],
}
FOLDERS = {
    ("cifar10", "python"): "cifar-10-batches-py",
    ("cifar10", "binary"): "cifar-10-batches-bin",
    ("cifar100", "python"): "cifar-100-python",
    ("cifar100", "binary"): "cifar-100-binary",
}


IMAGES = {"cifar10": 100, "cifar100": 40}


@pytest.fixture(autouse=True)
def _small_data_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, images in IMAGES.items():
        small = replace(cifar._DATA_SETS[name], images=images, classes=len(NAMES[name]))
        monkeypatch.setitem(cifar._DATA_SETS, name, small)


def planes(count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, 3072), np.uint8)


def labels(name: str, count: int) -> list[int]:
    return [number % len(NAMES[name]) for number in range(count)]


def old_pickle(content: dict[str, Any]) -> bytes:
    """Return what Python 2 and its numpy wrote: byte strings as SHORT_BINSTRING, module numpy.core.multiarray."""

    def text(value: str) -> bytes:
        return b"U" + bytes([len(value)]) + value.encode("latin1")

    def value(item: Any) -> bytes:
        if isinstance(item, str):
            return text(item)
        if isinstance(item, list):
            return b"](" + b"".join(map(value, item)) + b"e"
        if isinstance(item, int):
            return b"J" + item.to_bytes(4, "little")
        data = item.tobytes()
        dtype = b"cnumpy\ndtype\n(" + text("u1") + b"K\x00K\x01tR(K\x03" + text("|") + b"NNNJ\xff\xff\xff\xff"
        dtype += b"J\xff\xff\xff\xffK\x00tb"
        raw = b"T" + len(data).to_bytes(4, "little") + data
        start = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00t" + text("b") + b"tR"
        shape = b"".join(b"J" + size.to_bytes(4, "little") for size in item.shape)
        return start + b"(K\x01(" + shape + b"t" + dtype + b"\x89" + raw + b"tb"

    pairs = b"".join(text(key) + value(item) for key, item in content.items())
    return b"\x80\x02}(" + pairs + b"u."


def write(folder: Path, name: str, version: str, dump: Callable[[dict[str, Any]], bytes] = pickle.dumps) -> Path:
    """Write a small data set; CIFAR-10 has five files of 20 images, CIFAR-100 one of 40."""
    target = folder / FOLDERS[name, version]
    target.mkdir(parents=True)
    small = name == "cifar10"
    files = [f"data_batch_{number}" for number in range(1, 6)] if small else ["train"]
    count = IMAGES[name]
    pixels, classes = planes(count), labels(name, count)
    step = count // len(files)
    for number, file in enumerate(files):
        part = slice(number * step, (number + 1) * step)
        if version == "python":
            content = {"data": pixels[part], "labels" if small else "fine_labels": classes[part]}
            (target / file).write_bytes(dump(content))
        else:
            columns = np.array(classes[part], np.uint8)[:, None]
            coarse = np.full_like(columns, 99)
            rows = np.hstack([*(() if small else (coarse,)), columns, pixels[part]])
            (target / f"{file}.bin").write_bytes(rows.tobytes())
    if version == "python":
        meta, key = ("batches.meta", "label_names") if small else ("meta", "fine_label_names")
        (target / meta).write_bytes(dump({key: NAMES[name]}))
    else:
        text = "batches.meta.txt" if small else "fine_label_names.txt"
        (target / text).write_text("\n".join(NAMES[name]) + "\n\n")
    return folder


def read(source: ImageSource, tmp_path: Path, preset: str = "cifar") -> TrainingData:
    chosen = load_preset(preset)
    pixels = tmp_path / "pixels"
    pixels.mkdir()
    return read_training_data(source, chosen, chosen.recipe().input, pixels, minimum=1)


@pytest.mark.parametrize(("name", "version"), FOLDERS)
@pytest.mark.parametrize("address", ["scheme", "folder", "inner folder"])
def test_every_version_has_all_classes_and_the_same_pixels(
    name: str, version: str, address: str, tmp_path: Path
) -> None:
    folder = write(tmp_path / "data", name, version)
    uri = {"scheme": f"{name}://{folder}", "folder": str(folder), "inner folder": str(folder / FOLDERS[name, version])}
    data = read(open_source(uri[address]), tmp_path)
    count = len(data.manifest.samples)
    assert data.manifest.classes == tuple(sorted(NAMES[name]))
    assert data.manifest.counts == dict.fromkeys(NAMES[name], 10)
    assert data.source.name == f"{'CIFAR-10' if name == 'cifar10' else 'CIFAR-100'}, training part"
    assert np.array_equal(data.pixels, planes(count).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_pixels_and_labels_equal_those_of_torchvision(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torchvision import datasets

    kind = getattr(datasets, name.upper())
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *_: True)
    folder = write(tmp_path / "data", name, "python", old_pickle)
    expected = kind(folder, train=True)
    data = read(open_source(f"{name}://{folder}"), tmp_path)
    assert np.array_equal(data.pixels, expected.data)
    assert [sample.label for sample in data.manifest.samples] == [NAMES[name][label] for label in expected.targets]


def test_vehicles_preset_reads_two_classes_of_cifar_100(tmp_path: Path) -> None:
    folder = write(tmp_path / "data", "cifar100", "binary")
    data = read(open_source(f"cifar100://{folder}"), tmp_path, "vehicles")
    assert data.manifest.counts == {"bicycle": 10, "motorcycle": 10}


class Trap:
    """An object that runs something when it is unpickled."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.reduced = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.reduced


@pytest.mark.parametrize("protocol", [0, 2, 5])
@pytest.mark.parametrize("kind", ["call", "nested", "eval", "shell"])
@pytest.mark.parametrize(
    ("name", "file"), [("cifar10", "data_batch_3"), ("cifar10", "batches.meta"), ("cifar100", "train")]
)
def test_pickle_runs_nothing(name: str, file: str, kind: str, protocol: int, tmp_path: Path) -> None:
    trap = tmp_path / "ran"
    content = {
        "call": Trap(Path.touch, trap),
        "nested": {"data": [Trap(Path.touch, trap)], "labels": []},
        "eval": Trap(eval, f"open({str(trap)!r}, 'w')"),
        "shell": Trap(subprocess.check_call, ["touch", str(trap)]),
    }
    folder = write(tmp_path / "data", name, "python")
    (folder / FOLDERS[name, "python"] / file).write_bytes(pickle.dumps(content[kind], protocol))
    with pytest.raises(UnsuitableData, match=r"missing or damaged \(it refers to \S+, which such files do not contain"):
        open_source(f"{name}://{folder}")
    assert not trap.exists()


@pytest.mark.parametrize(("name", "version"), FOLDERS)
@pytest.mark.parametrize("damage", ["cut", "empty", "lost", "text"])
def test_damaged_file_is_an_error_with_the_fix(name: str, version: str, damage: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "data", name, version)
    file = max((folder / FOLDERS[name, version]).iterdir(), key=lambda path: path.stat().st_size)
    content = {"cut": file.read_bytes()[:-7], "empty": b"", "text": b"not a batch"}
    if damage == "lost":
        file.unlink()
    else:
        file.write_bytes(content[damage])
    with pytest.raises(UnsuitableData, match=r"CIFAR-100? is missing or damaged .*https://www\.cs\.toronto\.edu"):
        open_source(f"{name}://{folder}")


@pytest.mark.parametrize(
    "change", [{"labels": [10] * 20}, {"labels": [-1] * 20}, {"labels": [0] * 19}, {"data": planes(20)[:, 1:]}]
)
def test_labels_and_pixels_must_match(change: dict[str, Any], tmp_path: Path) -> None:
    folder = write(tmp_path / "data", "cifar10", "python")
    content = {"data": planes(20), "labels": [0] * 20} | change
    (folder / "cifar-10-batches-py" / "data_batch_2").write_bytes(pickle.dumps(content))
    with pytest.raises(UnsuitableData, match="CIFAR-10 is missing or damaged"):
        open_source(f"cifar10://{folder}")


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_missing_data_set_error_states_the_fix(name: str, tmp_path: Path) -> None:
    archive = "cifar-10-python" if name == "cifar10" else "cifar-100-python"
    with pytest.raises(UnsuitableData, match=rf"Unpack {archive}\.tar\.gz"):
        open_source(f"{name}://{tmp_path}/nothing")


def test_published_numbers_are_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    """https://www.cs.toronto.edu/~kriz/cifar.html: 10 and 100 classes, 50,000 training images each."""
    monkeypatch.undo()
    found = {name: (data_set.classes, data_set.images) for name, data_set in cifar._DATA_SETS.items()}
    assert found == {"cifar10": (10, 50_000), "cifar100": (100, 50_000)}
