"""From labelled images to a version in the registry, with the outputs of all stages."""

from __future__ import annotations

import csv
import io
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image

from sightline import storage, vision
from sightline.errors import StorageError
from sightline.ranking import PrepareParameters, Preparer, load_ranker
from sightline.registry import ModelRecord, Registry
from sightline.storage import Location
from sightline.training.common import UnsuitableData
from sightline.training.common.stage_graph import StageGraph
from sightline.training.ranking import (
    STAGES,
    RankingData,
    RankingMetrics,
    RankingParameters,
    dropped_by_reason,
    evaluate,
    open_ranking_data,
    parameters_of,
    promote_ranker,
    publish_ranker,
    ranking_graph,
    stages_root,
    write_runners,
)
from sightline.training.ranking.export import TOLERANCE
from sightline.training.ranking.featurize import read_features
from sightline.training.ranking.head import scores_of
from sightline.training.ranking.preparing import crops_of, prepare_split, read_people

PARAMETERS = RankingParameters(
    prepared=True, pretrained=False, image_size=32, epochs=4, batch_size=8, lr=0.01, arms_bonus=0.25, seed=5
)


class Trained(NamedTuple):
    data: RankingData
    graph: StageGraph
    registry: Registry
    record: ModelRecord


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write prepared lower bodies, two per photo, and one file that is not an image."""
    folder = tmp_path_factory.mktemp("crops")
    write_runners(folder, 8, evaluate=5, people=2, prepared=True, seed=1)
    (folder / "train" / "lower_body" / "good" / "broken.png").write_bytes(b"not an image")
    return folder


@pytest.fixture(scope="module")
def trained(crops: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    root = tmp_path_factory.mktemp("models")
    registry = Registry(root, builtin=root / "none")
    data = open_ranking_data(crops, prepared=True)
    graph = ranking_graph(data, PARAMETERS, stages_root(root))
    for stage in STAGES:
        assert graph.run(stage).ran
    return Trained(data, graph, registry, publish(registry, graph, data, PARAMETERS, tmp_path_factory.mktemp("work")))


@pytest.fixture(autouse=True)
def _without_plots(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip drawing, which takes most of the time, in all trainings except the shared one."""
    monkeypatch.setattr(evaluate, "draw_plots", lambda *_, **__: [])


def publish(
    registry: Registry, graph: StageGraph, data: RankingData, parameters: RankingParameters, folder: Path
) -> ModelRecord:
    return publish_ranker(registry, "running-style", graph, data, parameters, folder)


def test_second_training_reruns_no_stage(trained: Trained) -> None:
    again = ranking_graph(open_ranking_data(trained.data.uri, prepared=True), PARAMETERS, trained.graph.root)
    assert all(state.fresh for state in again.plan())
    assert not any(again.run(stage).ran for stage in STAGES)


@pytest.mark.parametrize(
    ("change", "stale"),
    [
        ({"epochs": 5}, {"train", "evaluate", "export"}),
        ({"arms_bonus": 0.5}, set()),
        ({"min_confidence": 0.5}, set()),  # unused for prepared lower bodies
        ({"image_size": 48}, {"featurize-train", "featurize-evaluate", "train", "evaluate", "export"}),
        ({"seed": 6}, set(STAGES) - {"prepare-train", "prepare-evaluate"}),
        ({"prepared": False}, set(STAGES) - {"backbone"}),
        ({"backbone": "efficientnet_lite0"}, set(STAGES) - {"prepare-train", "prepare-evaluate"}),
    ],
)
def test_changed_parameter_makes_only_dependent_stages_stale(
    trained: Trained, change: dict[str, object], stale: set[str]
) -> None:
    graph = ranking_graph(trained.data, PARAMETERS.model_copy(update=change), trained.graph.root)
    assert {state.name for state in graph.plan() if not state.fresh} == stale


def test_other_backbone_is_trained_exported_and_reproducible(trained: Trained, tmp_path: Path) -> None:
    parameters = PARAMETERS.model_copy(update={"backbone": "efficientnet_lite0"})
    graph = ranking_graph(trained.data, parameters, trained.graph.root)
    registry = Registry(tmp_path / "models", builtin=tmp_path / "none")
    (tmp_path / "work").mkdir()
    record = publish(registry, graph, trained.data, parameters, tmp_path / "work")
    assert (record.architecture["backbone"], record.architecture["embedding"]) == ("efficientnet_lite0", 1280)
    assert record.image_input.std == (0.502, 0.502, 0.502), "its ImageNet weights expect TensorFlow's normalisation"
    assert parameters_of(record) == parameters
    registry.promote("running-style", 1, metric="roc_auc", value=1, measure_current=lambda _: 0.0)
    scores = load_ranker(registry, "running-style").scores([np.zeros((40, 30, 3), np.uint8)])
    assert scores.shape == (1,)
    assert 0 <= scores[0] <= 1


def test_version_without_backbone_among_its_parameters_has_resnet18(trained: Trained) -> None:
    """Versions of earlier releases are reproduced with the backbone that they had."""
    recorded = {name: value for name, value in trained.record.parameters.items() if name != "backbone"}
    old = trained.record.model_copy(update={"parameters": recorded})
    assert parameters_of(old).backbone == "resnet18"
    assert trained.record.architecture["backbone"] == "resnet18"


def test_new_evaluation_photo_does_not_retrain(trained: Trained, crops: Path, tmp_path: Path) -> None:
    more = tmp_path / "more"
    shutil.copytree(crops, more)
    Image.new("RGB", (30, 40), "red").save(more / "evaluate" / "lower_body" / "bad" / "another.png")
    graph = ranking_graph(open_ranking_data(more, prepared=True), PARAMETERS, trained.graph.root)
    stale = {state.name: state.why for state in graph.plan() if not state.fresh}
    assert stale == {
        "prepare-evaluate": "inputs changed: data/evaluate",
        "featurize-evaluate": "waits for prepare-evaluate",
        "evaluate": "waits for featurize-evaluate",
    }


def test_retraining_without_cached_stages_gives_the_same_metrics(trained: Trained, tmp_path: Path) -> None:
    """The record is enough to repeat a training on another machine."""
    record = trained.record
    data = open_ranking_data(record.parameters["data"]["uri"], prepared=True)
    assert data.version("train") == record.parameters["data"]["versions"]["train"]
    graph = ranking_graph(data, parameters_of(record), tmp_path / "stages")
    registry = Registry(tmp_path / "models", builtin=tmp_path / "none")
    (tmp_path / "work").mkdir()
    again = publish(registry, graph, data, parameters_of(record), tmp_path / "work")
    assert again.metrics == record.metrics
    assert again.data.manifest_sha256 == record.data.manifest_sha256
    assert again.files["head.safetensors"] == record.files["head.safetensors"]


def test_stages_are_shared_through_a_bucket(trained: Trained, s3_bucket: Location, tmp_path: Path) -> None:
    first = ranking_graph(trained.data, PARAMETERS, s3_bucket / "stages", cache=tmp_path / "one")
    for stage in ("prepare-train", "backbone"):
        assert first.run(stage).ran
    second = ranking_graph(trained.data, PARAMETERS, s3_bucket / "stages", cache=tmp_path / "another")
    assert not second.run("prepare-train").ran
    assert crops_of(second.folder("prepare-train")) == crops_of(trained.graph.folder("prepare-train"))


def test_features_cover_every_lower_body_with_its_photo(trained: Trained) -> None:
    table = pq.read_table(trained.graph.folder("featurize-train") / "lower_body.parquet")
    assert table.column_names == ["image_path", "label", "features", "group", "person"]
    assert len(table) == len(crops_of(trained.graph.folder("prepare-train"))) == 32
    assert {len(row) for row in table["features"].to_pylist()} == {512}
    assert len(set(table["group"].to_pylist())) == 16
    assert set(table["label"].to_pylist()) == {0, 1}


def test_onnx_scores_equal_those_of_torch(trained: Trained) -> None:
    """The ONNX file contains the backbone and the head."""
    ranker = load_ranker(trained.registry, trained.record.label)
    folder = trained.graph.folder("prepare-evaluate")
    images = [pixels(folder / crop.image_path) for crop in crops_of(folder)]
    features = read_features(trained.graph.folder("featurize-evaluate"))
    expected = scores_of(trained.graph.folder("train"), features.embeddings)
    assert np.abs(ranker.scores(images) - expected).max() < TOLERANCE
    assert np.abs(ranker.scores(images[:1]) - expected[:1]).max() < TOLERANCE
    model = onnx.load(trained.registry.open(trained.record.label).folder / "ranker.onnx")
    assert trained.record.architecture["opset"] == model.opset_import[0].version == 17
    assert trained.record.metrics["onnx_difference"] < TOLERANCE


def test_record_holds_data_parameters_and_metrics(trained: Trained) -> None:
    record = trained.record
    assert (record.task, record.classes, record.name) == ("image-ranking", ("bad", "good"), "running-style")
    assert parameters_of(record) == PARAMETERS
    assert record.parameters["data"]["uri"] == trained.data.uri
    assert record.parameters["dropped"] == {"not_an_image": 1}
    assert set(record.parameters["stages"]) == set(STAGES)
    data = record.data
    assert (data.train + data.validation, data.test, data.samples, data.groups) == (32, 20, 52, 26)
    assert data.synthetic
    assert {f"{name}_interval" for name in ("accuracy", "precision", "recall", "f1", "roc_auc")} <= set(record.metrics)
    metrics = RankingMetrics.model_validate(record.metrics)
    assert metrics.images == record.metrics["pictures"] == data.test, "the stored key is that of version 0.1"
    assert load_ranker(trained.registry, "running-style/1").bonus == 0.25


def test_version_contains_no_pickle(trained: Trained) -> None:
    suffixes = {Path(name).suffix for name in trained.record.files}
    assert suffixes == {".onnx", ".safetensors", ".json", ".png", ".csv"}
    folder = trained.registry.open("running-style", 1).folder
    for name in trained.record.files:
        start = (folder / name).read_bytes()[:2]
        assert start not in (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"), name


def test_manifest_keeps_photos_on_one_side(trained: Trained) -> None:
    manifest = (trained.registry.open("running-style", 1).folder / "manifest.csv").read_text()
    rows = list(csv.DictReader(io.StringIO(manifest)))
    parts = {part: {row["group"] for row in rows if row["part"] == part} for part in ("train", "validation", "test")}
    assert all(parts.values())
    assert not parts["train"] & parts["validation"]
    assert not (parts["train"] | parts["validation"]) & parts["test"]


def test_better_ranking_is_promoted(trained: Trained, tmp_path: Path) -> None:
    registry = trained.registry
    assert promote_ranker(registry, trained.record, trained.graph).promoted
    worse = PARAMETERS.model_copy(update={"epochs": 1, "lr": 1e-9})
    graph = ranking_graph(trained.data, worse, trained.graph.root)
    (tmp_path / "worse").mkdir()
    record = publish(registry, graph, trained.data, worse, tmp_path / "worse")
    outcome = promote_ranker(registry, record, graph)
    assert (outcome.metric, outcome.current_value) == ("roc_auc", trained.record.metrics["roc_auc"])
    assert outcome.promoted == (record.metrics["roc_auc"] >= trained.record.metrics["roc_auc"])
    assert "tested on the same 20 images" in outcome.why


def test_current_model_is_evaluated_again_on_other_images(trained: Trained, crops: Path, tmp_path: Path) -> None:
    promote_ranker(trained.registry, trained.record, trained.graph)
    other = tmp_path / "other"
    shutil.copytree(crops / "train", other / "train")
    write_runners(tmp_path / "new", 1, evaluate=6, people=1, prepared=True, seed=9)
    shutil.copytree(tmp_path / "new" / "evaluate", other / "evaluate")
    data = open_ranking_data(other, prepared=True)
    graph = ranking_graph(data, PARAMETERS, trained.graph.root)
    (tmp_path / "work").mkdir()
    record = publish(trained.registry, graph, data, PARAMETERS, tmp_path / "work")
    outcome = promote_ranker(trained.registry, record, graph)
    assert "tested again on the same 12 images" in outcome.why
    assert outcome.current_value == outcome.value == record.metrics["roc_auc"]  # the head is the same


def test_training_and_serving_crop_identically(tmp_path: Path) -> None:
    """The original cropped people in two ways. Several people in a photo keep distinct names."""
    write_runners(tmp_path, 1, evaluate=1, people=2, seed=3)
    data = open_ranking_data(tmp_path)
    output = tmp_path / "output"
    output.mkdir()
    prepare_split(data, "train", PrepareParameters(), output, lambda share: None)
    rows = crops_of(output)
    assert [(row.label, row.person) for row in rows] == [("bad", 1), ("bad", 2), ("good", 1), ("good", 2)]
    assert len({row.image_path for row in rows}) == 4
    with Preparer() as preparer:
        for photo in data.of("train"):
            rgb = vision.decode(photo.read(), None, vision.Limits()).pixels
            for number, person in enumerate(preparer.prepare(rgb, PrepareParameters()).people, start=1):
                name = f"{photo.label}/{photo.name}-p{number}.png"
                assert (pixels(output / "lower_body" / name) == person.lower_body).all()
                assert (pixels(output / "upper_body" / name) == person.upper_body).all()


def test_photos_without_people_are_counted_by_reason(tmp_path: Path) -> None:
    for place in ("train/good", "train/bad", "evaluate/good", "evaluate/bad"):
        (tmp_path / place).mkdir(parents=True)
        Image.new("RGB", (80, 60), (len(place), 90, 90)).save(tmp_path / place / "empty.png")
    (tmp_path / "train" / "bad" / "broken.jpg").write_bytes(b"")
    output = tmp_path / "output"
    output.mkdir()
    with pytest.raises(UnsuitableData, match=r"no image in train/bad shows .*nobody_found 1") as raised:
        prepare_split(open_ranking_data(tmp_path), "train", PrepareParameters(), output, lambda share: None)
    assert "not_an_image 1" in str(raised.value)


def test_photo_with_a_transient_fetch_error_fails_the_stage(crops: Path, tmp_path: Path) -> None:
    """The training data must not depend on network failures."""

    def unreachable() -> bytes:
        raise StorageError("s3://bucket: no answer")

    data = open_ranking_data(crops, prepared=True)
    photos = tuple(photo._replace(read=unreachable) for photo in data.photos)
    broken = RankingData(data.uri, data.name, data.revision, data.prepared, photos)
    with pytest.raises(StorageError, match="no answer"):
        prepare_split(broken, "train", PrepareParameters(), tmp_path, lambda share: None)


def test_dropped_people_are_counted_by_reason(trained: Trained) -> None:
    people = read_people(trained.graph.folder("prepare-train"))
    assert dropped_by_reason(people) == {"not_an_image": 1}
    assert [row.photo for row in people if not row.image_path] == ["broken.png"]


def test_stage_folder_is_not_listed_as_a_model(trained: Trained) -> None:
    assert storage.folder_names(trained.registry.root) == [".stages", "running-style"]
    assert trained.registry.names() == ["running-style"]


def pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image)
