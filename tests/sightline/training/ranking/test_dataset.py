"""Labelled photos in a folder, in a bucket and in a DVC repository."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from sightline import storage
from sightline.errors import InvalidSetting
from sightline.storage import Location
from sightline.training.common import UnsuitableData
from sightline.training.ranking import RankingData, open_ranking_data

PLACES = ("train/good/a.jpg", "train/bad/b.jpg", "evaluate/good/c.jpg", "evaluate/bad/d.jpg")


def write(root: Location, places: Sequence[str] = PLACES, **contents: bytes) -> None:
    for place in places:
        storage.write_bytes(root / place, contents.get(Path(place).stem, place.encode()))


def names(data: RankingData) -> list[str]:
    return [f"{photo.split}/{photo.label}/{photo.name}" for photo in data.photos]


def test_photos_are_labelled_by_their_folders(bucket: Location) -> None:
    write(
        bucket / "raw",
        [*PLACES, "train/good/day 2/a.jpg", "train/notes.txt", "train/good/.hidden.jpg", "old/good/x.jpg"],
    )
    data = open_ranking_data(bucket / "raw")
    assert names(data) == [
        "evaluate/bad/d.jpg", "evaluate/good/c.jpg", "train/bad/b.jpg", "train/good/a.jpg", "train/good/day 2/a.jpg",
    ]  # fmt: skip
    assert data.photos[3].read() == b"train/good/a.jpg"
    assert (data.uri, data.revision) == (storage.uri_of(bucket / "raw"), None)
    assert names(open_ranking_data(bucket)) == names(data)


def test_version_is_the_same_in_a_folder_and_a_bucket(s3_bucket: Location, tmp_path: Path) -> None:
    write(tmp_path / "data")
    write(s3_bucket / "elsewhere")
    local, remote = open_ranking_data(tmp_path / "data"), open_ranking_data(s3_bucket / "elsewhere")
    assert local.version("train") == remote.version("train")
    assert local.photos[0].version == hashlib.md5(b"evaluate/bad/d.jpg").hexdigest()


def test_version_of_a_split_depends_on_names_and_contents(tmp_path: Path) -> None:
    write(tmp_path)
    before = open_ranking_data(tmp_path)
    write(tmp_path, ["train/good/e.jpg"])
    added = open_ranking_data(tmp_path)
    assert added.version("train") != before.version("train")
    assert added.version("evaluate") == before.version("evaluate")
    (tmp_path / "train/good/e.jpg").rename(tmp_path / "train/bad/e.jpg")
    assert open_ranking_data(tmp_path).version("train") not in (before.version("train"), added.version("train"))
    write(tmp_path, c=b"another image")
    assert open_ranking_data(tmp_path).version("evaluate") != before.version("evaluate")


def test_prepared_data_have_their_own_layout_and_version(tmp_path: Path) -> None:
    places = [place.replace("good", "lower_body/good").replace("bad", "lower_body/bad") for place in PLACES]
    write(tmp_path / "prepared", places)
    write(tmp_path / "raw")
    prepared, raw = open_ranking_data(tmp_path, prepared=True), open_ranking_data(tmp_path)
    assert len(prepared.photos) == len(raw.photos) == 4
    assert prepared.version("train") != raw.version("train")


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("runner.jpg", "runner"), ("Day 1/Runner.JPG", "day 1/runner"), ("runner.jpg-p2.png", "runner"),
        ("runner-p2.png", "runner"), ("runner_12.png", "runner_12"), ("a.b.jpg", "a.b"),
    ],
)  # fmt: skip
def test_crops_of_one_photo_form_one_group(tmp_path: Path, name: str, group: str) -> None:
    write(tmp_path, [*PLACES[1:], f"train/good/{name}"])
    assert next(photo.group for photo in open_ranking_data(tmp_path).photos if photo.name == name) == group


@pytest.mark.parametrize(
    ("places", "message"),
    [
        (PLACES[:2], r"has no image in evaluate/bad, evaluate/good\. Put the photos into train/good"),
        (PLACES[1:], "has no image in train/good"),
        ((), "has no image in train/bad"),
    ],
)
def test_missing_split_or_label_is_named(tmp_path: Path, places: Sequence[str], message: str) -> None:
    write(tmp_path, places)
    with pytest.raises(UnsuitableData, match=message):
        open_ranking_data(tmp_path)


@pytest.mark.parametrize("copy", ["d", "b"])
def test_image_in_two_splits_or_labels_is_rejected(tmp_path: Path, copy: str) -> None:
    write(tmp_path, a=b"the same", **{copy: b"the same"})
    with pytest.raises(UnsuitableData, match=r"the same image in two places, .*/[abd]\.jpg and .*/[abd]\.jpg"):
        open_ranking_data(tmp_path)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DVC repository whose data changed between the tags v1 and v2."""
    dvc = pytest.importorskip("dvc.repo")
    root = tmp_path_factory.mktemp("repository")

    def git(*command: str) -> None:
        subprocess.run(["git", *command], cwd=root, check=True, capture_output=True)

    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("GIT_")]:
            patch.delenv(name)
        patch.setenv("HOME", str(root))
        patch.setenv("DVC_GLOBAL_CONFIG_DIR", str(root / ".config"))
        for role in ("AUTHOR", "COMMITTER"):
            patch.setenv(f"GIT_{role}_NAME", "a")
            patch.setenv(f"GIT_{role}_EMAIL", "a@b.c")
        git("init", "-q", "-b", "main")
        # In this process: DVC's program takes seconds to start.
        with dvc.Repo.init(str(root)) as repo:
            for tag in ("v1", "v2"):
                write(root / "data" / "raw", ["train/good/e.jpg"] if tag == "v2" else PLACES)
                repo.add(str(root / "data" / "raw"))
                git("add", "data", ".dvc")
                git("commit", "-q", "-m", tag)
                git("tag", tag)
    return root


def test_dvc_repository_is_read_at_its_revision(repository: Path) -> None:
    first, second = (open_ranking_data(f"dvc://{repository}@{tag}/data/raw") for tag in ("v1", "v2"))
    assert len(first.photos) == 4
    assert len(second.photos) == 5
    assert first.photos[3].read() == b"train/good/a.jpg"
    assert first.version("evaluate") == second.version("evaluate")
    assert first.version("train") != second.version("train")
    commit = first.revision
    assert commit is not None
    assert len(commit) == 40
    assert first.uri == f"dvc://{repository}@{commit}/data/raw"
    assert commit[:12] in first.name
    assert str(repository) not in first.name
    again = open_ranking_data(first.uri)
    assert (again.version("train"), again.revision) == (first.version("train"), commit)


def test_version_does_not_change_when_data_move_to_dvc(repository: Path, tmp_path: Path) -> None:
    write(tmp_path)
    tracked = open_ranking_data(f"dvc://{repository}@v1/data")
    assert tracked.version("train") == open_ranking_data(tmp_path).version("train")


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("dvc://{}/data/raw", "does not name a repository and a revision"),
        ("dvc://{}@v9/data/raw", "cannot be read by DVC"),
        ("dvc://{}-missing@v1/data/raw", "cannot be read by DVC"),
        ("dvc://{}@v1/elsewhere", "has no image in train/bad"),
    ],
)
def test_dvc_failure_is_reported_with_its_fix(repository: Path, uri: str, message: str) -> None:
    with pytest.raises(UnsuitableData, match=message):
        open_ranking_data(uri.format(repository))


def test_missing_dvc_package_is_reported_with_the_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dvc.api", None)
    with pytest.raises(InvalidSetting, match=r"pip install 'sightline\[dvc\]'"):
        open_ranking_data("dvc://repository@v1/data")
