"""A ranking model in service: one ONNX file, no torch, several threads."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from sightline import storage
from sightline.ranking import Ranker, load_ranker, model_input
from sightline.ranking.model import MODEL_FILE
from sightline.registry import ImageInput, ModelDamaged, ModelNotFound, Registry, WrongTask
from sightline.storage import Location
from tests.images import draft
from tests.ranking import SIZE, brightness_model, grey_crop, publish_brightness

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "models", cache=tmp_path / "cache", builtin=tmp_path / "none")


@pytest.fixture
def ranker(registry: Registry) -> Ranker:
    publish_brightness(registry)
    return load_ranker(registry, "running-style")


def test_crops_of_any_size_have_one_score_in_order(ranker: Ranker) -> None:
    crops = [grey_crop(brightness, size) for brightness, size in ((0, (40, 30)), (255, (7, 90)), (128, (300, 2)))]
    scores = ranker.scores(crops)
    assert scores.shape == (3,)
    assert scores.dtype == np.float64
    assert scores[0] < 0.2 < scores[2] < scores[1]
    assert ((scores >= 0) & (scores <= 1)).all()


def test_one_crop_and_no_crop_are_scored(ranker: Ranker) -> None:
    """The reference implementation dropped the only row."""
    assert ranker.scores([grey_crop(255)]).shape == (1,)
    assert ranker.scores([]).shape == (0,)


def test_batch_and_single_crops_have_equal_scores(ranker: Ranker) -> None:
    crops = [grey_crop(int(brightness)) for brightness in np.random.default_rng(0).integers(0, 255, 70)]
    together = ranker.scores(crops)
    assert np.allclose(together, [ranker.scores([crop])[0] for crop in crops], atol=1e-6)


def test_threads_can_share_a_ranker(ranker: Ranker) -> None:
    crops = [grey_crop(brightness) for brightness in range(0, 250, 10)]
    with ThreadPoolExecutor(8) as pool:
        scores = list(pool.map(lambda _: ranker.scores(crops), range(40)))
    assert all((result == scores[0]).all() for result in scores)


def test_ranker_has_name_record_and_bonus(ranker: Ranker) -> None:
    assert (ranker.name, ranker.record.version, ranker.bonus, ranker.input) == ("running-style/1", 1, 0.1, SIZE)


def test_ranker_is_loaded_from_a_bucket(s3_bucket: Location, tmp_path: Path) -> None:
    registry = Registry(s3_bucket, cache=tmp_path / "cache", builtin=tmp_path / "none")
    publish_brightness(registry)
    assert load_ranker(registry, "running-style/1", threads=1).scores([grey_crop(255)])[0] > 0.8


def test_model_of_another_task_is_rejected(registry: Registry) -> None:
    publish_brightness(registry, "vehicles", task="image-classification")
    with pytest.raises(WrongTask, match=r"vehicles/1: is a model for image-classification, not for ranking"):
        load_ranker(registry, "vehicles")
    with pytest.raises(ModelNotFound):
        load_ranker(registry, "sitting-style")


def test_changed_file_is_rejected(registry: Registry) -> None:
    publish_brightness(registry)
    storage.write_bytes(registry.root / "running-style" / "1" / MODEL_FILE, b"another file")
    with pytest.raises(ModelDamaged, match=MODEL_FILE):
        load_ranker(registry, "running-style")


@pytest.mark.parametrize(("content", "problem"), [(b"no onnx", "is not a valid ONNX file"), (None, "; expected ")])
def test_other_model_file_is_rejected(registry: Registry, tmp_path: Path, content: bytes | None, problem: str) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    if content is None:
        brightness_model(folder / MODEL_FILE, side=32)
    else:
        (folder / MODEL_FILE).write_bytes(content)
    fields = {"task": "image-ranking", "classes": ("bad", "good"), "input": SIZE}
    record = registry.publish(draft("running-style", **fields), folder)
    with pytest.raises(ModelDamaged, match=problem):
        load_ranker(registry, f"running-style/{record.version}")


def test_ranker_works_without_torch(registry: Registry) -> None:
    """The reference implementation's ONNX file contained only the head, and the rest needed torch."""
    publish_brightness(registry)
    code = (
        "import sys\n"
        "sys.modules['torch'] = sys.modules['torchvision'] = sys.modules['prefect'] = None\n"
        "import numpy as np\n"
        "from pathlib import Path\n"
        "from sightline.ranking import Preparer, PrepareParameters, load_ranker\n"
        "from sightline.registry import Registry\n"
        "with Preparer() as preparer:\n"
        "    preparer.prepare(np.zeros((64, 64, 3), np.uint8), PrepareParameters())\n"
        "ranker = load_ranker(Registry(Path(sys.argv[1])), 'running-style')\n"
        "print(ranker.scores([np.full((9, 9, 3), 255, np.uint8)])[0] > 0.8)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(registry.root)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


def test_crop_keeps_its_aspect_ratio_on_the_mean_colour() -> None:
    size = ImageInput(width=20, height=10, mean=(0.1, 0.2, 0.3), std=(0.5, 0.5, 0.5))
    pixels = model_input([grey_crop(255, (40, 20))], size)
    assert (pixels.shape, pixels.dtype) == ((1, 3, 10, 20), np.float32)
    inside = np.zeros((10, 20), bool)
    inside[:, 7:12] = True
    assert (pixels[0][:, ~inside] == 0).all()
    assert np.allclose(pixels[0][:, inside], [[1.8], [1.6], [1.4]], atol=1e-6)


@pytest.mark.parametrize(
    "crop", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), np.uint8)]
)
def test_invalid_crop_is_rejected(crop: np.ndarray) -> None:
    with pytest.raises(ValueError, match="a crop must be uint8"):
        model_input([crop], SIZE)
