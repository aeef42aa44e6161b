"""The overhead of ``classify_images`` over the necessary work. Run by ``make bench``.

The images are generated 640x480 JPEGs, the model is a posture model (ConvNeXt-Tiny and XGBoost) with seeded random
weights, which are as fast as trained ones. One run measures:

- the flow's wall time, with a running server, over that of the bare loop (decode, batched forward pass, XGBoost in one
  process without Prefect, on the same backend). Targets: 1.25 at 1,000 images and 1.1 at 10,000. Also printed: the
  processor seconds that the server needs afterwards until it is idle.
- the wall time of a literal map of three Prefect tasks per image over the flow's. Target: at least 5.
- the wall time of the original implementation, torch float32 and one image per forward pass, over the flow's. Target:
  at least 3.
- the peak memory at 10,000 images over that at 1,000. Target: at most 1.2.
- the mapped task runs per chunk. Target: at most 3. Also printed: the other task runs of a run.

Every measurement loads the model and processes all images. The measurements of a round run one after another; a ratio
is the median of the rounds' ratios.

The model's record allows every precision, so the model runs on the machine's fastest backend.

``--no-pretrained`` uses the small network that the posture preset trains from scratch. It is so fast that the flow's
overhead dominates. The targets apply to ConvNeXt-Tiny.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import httpx

from benchmarks._server import BenchServer, run_child, serve

OUT = Path(__file__).parent / "out" / "images"
SIZE = (640, 480)
CHUNK = 64
Run: TypeAlias = "Callable[[str, int, BenchServer], dict[str, Any]]"


def main() -> None:
    """Measure, print the ratios, and write the figures into ``benchmarks/out``."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--no-pretrained", action="store_true", help="the preset's small network from scratch")
    arguments.add_argument("--skip-long", action="store_true", help="leave out the 10,000 images")
    arguments.add_argument("--child", choices=sorted(_CHILDREN), help=argparse.SUPPRESS)
    arguments.add_argument("--images", type=int, default=1_000, help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.child:
        print(json.dumps(_CHILDREN[options.child](options.images, _models(not options.no_pretrained))))
    else:
        _measure(options.rounds, pretrained=not options.no_pretrained, with_long=not options.skip_long)


def _measure(rounds: int, *, pretrained: bool, with_long: bool) -> None:
    _make_images(10_000 if with_long else 1_000)
    _make_model(pretrained)
    run = partial(_child, pretrained)
    with serve() as server:
        figures = [_round(number, run, server) for number in range(rounds)]
        result: dict[str, Any] = {
            name: statistics.median(figure[name] for figure in figures) for name in figures[0] if name != "backend"
        }
        result |= {"backend": figures[0]["backend"], "rounds": figures}
        print(f"\nbackend: {result['backend']}, {result['images_a_second']:.1f} images per second in the flow")
        print(f"flow over the bare loop, 1,000 images: {result['flow_over_bare']:.2f} (target 1.25)")
        print(f"the same in processor seconds of the process: {result['flow_over_bare_processor']:.2f}")
        print(f"the server's processor seconds afterwards until it is idle: {result['server_cpu_after']:.1f}")
        print(f"per-image map over the flow: {result['per_image_over_flow']:.1f} (target at least 5)")
        print(f"original implementation over the flow: {result['original_over_flow']:.1f} (target at least 3)")
        print(
            f"mapped task runs per chunk: {result['mapped_runs_a_chunk']:.2f} (target 3), "
            f"and {result['other_runs']:.0f} per run"
        )
        print(f"peak memory of the flow's process: {result['peak_mib']:.0f} MiB")
        if with_long:
            result |= _long(run, server, result["peak_mib"])
    (OUT.parent / f"{_models(pretrained).name}.json").write_text(json.dumps(result, indent=2))


def _round(number: int, run: Run, server: BenchServer) -> dict[str, Any]:
    bare = run("bare", 1_000, server)
    flow = run("flow", 1_000, server)
    cpu = server.wait_until_idle()
    per_image = run("per-image", 1_000, server)
    server.wait_until_idle()
    original = run("original", 1_000, server)
    mapped, others = _task_runs(server, flow["flow_run"])
    figure = {
        "backend": flow["backend"],
        "bare": bare["seconds"],
        "flow": flow["seconds"],
        "images_a_second": 1_000 / flow["seconds"],
        "flow_over_bare": flow["seconds"] / bare["seconds"],
        "flow_over_bare_processor": flow["processor"] / bare["processor"],
        "server_cpu_after": cpu,
        "per_image_over_flow": per_image["seconds"] / flow["seconds"],
        "original_over_flow": original["seconds"] / flow["seconds"],
        "peak_mib": flow["peak_mib"],
        "mapped_runs_a_chunk": mapped / -(-1_000 // CHUNK),
        "other_runs": others,
    }
    line = ", ".join(f"{name} {value:.2f}" for name, value in figure.items() if name != "backend")
    print(f"round {number + 1}: {line}", flush=True)
    return figure


def _long(run: Run, server: BenchServer, peak: float) -> dict[str, float]:
    bare = run("bare", 10_000, server)
    flow = run("flow", 10_000, server)
    cpu = server.wait_until_idle(900)
    ratio, memory = flow["seconds"] / bare["seconds"], flow["peak_mib"] / peak
    print(f"flow over the bare loop, 10,000 images: {ratio:.2f} (target 1.1)")
    print(f"the same in processor seconds of the process: {flow['processor'] / bare['processor']:.2f}")
    print(f"the server's processor seconds afterwards until it is idle: {cpu:.1f}")
    print(f"peak memory, 10,000 images over 1,000: {memory:.2f} (target 1.2), {flow['peak_mib']:.0f} MiB")
    return {"long_flow_over_bare": ratio, "long_peak_mib": flow["peak_mib"], "memory_ratio": memory, "long_cpu": cpu}


def _task_runs(server: BenchServer, flow_run: str) -> tuple[int, int]:
    """Return the numbers of the flow's task runs that were mapped over chunks, and of its other task runs."""
    address = f"{server.environment['PREFECT_API_URL']}/task_runs/count"
    flow_runs = {"id": {"any_": [flow_run]}}

    def count(**filters: Any) -> int:
        response = httpx.post(address, json={"flow_runs": flow_runs, **filters}, trust_env=False)
        return int(response.raise_for_status().json())

    mapped = sum(count(task_runs={"name": {"like_": f"{step}-"}}) for step in ("serialize", "classify", "filter"))
    return mapped, count() - mapped


def _make_images(count: int) -> None:
    """Write JPEGs of blurred noise with blocks, about as large as photos and all different."""
    import numpy as np
    from PIL import Image

    OUT.mkdir(parents=True, exist_ok=True)
    for start in range(0, count, 1_000):
        folder = _folder(start)
        if folder.exists():
            continue
        print(f"generating images {start} to {start + 999} ...", flush=True)
        part = OUT / "partial"
        part.mkdir(exist_ok=True)
        random = np.random.default_rng(start)
        for number in range(1_000):
            coarse = random.integers(0, 255, (30, 40, 3), np.uint8)
            fine = random.normal(0, 12, (SIZE[1], SIZE[0], 1))
            pixels = np.asarray(Image.fromarray(coarse).resize(SIZE, Image.Resampling.BICUBIC), np.float32) + fine
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(part / f"{number:04d}.jpg", quality=85)
        folder.parent.mkdir(exist_ok=True)
        part.rename(folder)


def _folder(start: int) -> Path:
    return OUT / "images" / f"{start:05d}"


def _source(count: int) -> str:
    """Return the folder of the first 1,000 images, or that of all 10,000."""
    return str(_folder(0) if count == 1_000 else OUT / "images")


def _paths(count: int) -> list[Path]:
    return sorted((OUT / "images").glob("*/*.jpg"))[:count]


def _models(pretrained: bool) -> Path:
    return OUT / ("models" if pretrained else "models-from-scratch")


def _make_model(pretrained: bool) -> None:
    """Publish the posture model, with seeded random weights, in the benchmark's own registry."""
    from datetime import UTC, datetime

    import numpy as np
    import torch

    from sightline.registry import DataVersion, ModelDraft, Registry
    from sightline.training.images import load_preset
    from sightline.training.images.fit import fit_trees
    from sightline.vision import TASK, create_backbone, save_classifier
    from sightline.vision.half import emulate_precision
    from sightline.vision.precision import HALF_PRECISIONS, METRIC, PrecisionAgreement

    registry = Registry(_models(pretrained))
    if registry.current("posture") and METRIC in registry.record("posture").metrics:
        return
    print("creating a model ...", flush=True)
    preset = load_preset("posture")
    recipe, classes = preset.recipe(pretrained), preset.classes
    agreement = PrecisionAgreement(images=1_000, same_class=1.0, within=1.0, largest_difference=0.0)
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    labels = np.arange(1_000) % len(classes)
    backbone = create_backbone(recipe.backbone)
    embeddings = random.normal(size=(1_000, backbone.embedding_size)).astype(np.float32)
    precisions = [name for name in HALF_PRECISIONS if emulate_precision(backbone, name)]
    head = fit_trees(recipe, embeddings, labels, len(classes), seed=0)
    with tempfile.TemporaryDirectory() as name:
        save_classifier(Path(name), backbone, head)
        draft = ModelDraft(
            name="posture",
            created=datetime.now(UTC),
            task=TASK,
            architecture={"backbone": recipe.backbone, "head": recipe.head, "flip": False, "half": False},
            classes=classes,
            input=recipe.input,
            threshold=preset.threshold,
            temperature=1.0,
            data=DataVersion(
                manifest_sha256="0" * 64, test_sha256="0" * 64, samples=0, train=0, validation=0, test=0,
                groups=None, source="random numbers", synthetic=True,
            ),
            parameters={},
            seed=0,
            metrics={METRIC: {name: agreement.model_dump() for name in precisions}},
            code_version="benchmark",
            libraries={},
        )  # fmt: skip
        record = registry.publish(draft, Path(name))
    registry.promote("posture", record.version, metric="none", value=0.0, measure_current=lambda _: 0.0)


def _run_bare(count: int, models: Path) -> dict[str, Any]:
    import numpy as np

    from sightline.registry import Registry
    from sightline.vision import Limits, decode, load_classifier

    paths, limits = _paths(count), Limits()
    start, processor = time.perf_counter(), time.process_time()
    classifier = load_classifier(Registry(models), "posture")
    probabilities = []
    for first in range(0, count, CHUNK):
        pixels = [decode(path.read_bytes(), classifier.input, limits).pixels for path in paths[first : first + CHUNK]]
        probabilities.append(classifier.predict(np.stack(pixels)))
    assert sum(map(len, probabilities)) == count
    return {
        "seconds": time.perf_counter() - start,
        "processor": time.process_time() - processor,
        "backend": classifier.backend,
    }


def _run_flow(count: int, models: Path) -> dict[str, Any]:
    os.environ["MODEL_BUCKET"] = str(models)
    from flows.classify_images import classify_images
    from tasks.models import classifier_of, resolve_model

    with tempfile.TemporaryDirectory() as name:
        start, processor = time.perf_counter(), time.process_time()
        state = classify_images(
            _source(count), output=f"{name}/results", capture=f"{name}/capture", chunk_size=CHUNK, return_state=True
        )
        seconds, processor = time.perf_counter() - start, time.process_time() - processor
        assert state.result().images == count
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    backend = getattr(classifier_of(resolve_model.fn("posture", None)), "backend", "")
    return {
        "seconds": seconds,
        "processor": processor,
        "peak_mib": peak,
        "backend": backend,
        "flow_run": str(state.state_details.flow_run_id),
    }


def _run_per_image(count: int, models: Path) -> dict[str, Any]:
    """Run three tasks per image, like the state machines of the original systems."""
    import numpy as np
    from prefect import flow, task

    from sightline.registry import Registry
    from sightline.vision import Limits, decode, judge, load_classifier

    start = time.perf_counter()
    classifier, limits = load_classifier(Registry(models), "posture"), Limits()

    @task
    def serialize(path: Path) -> Any:
        return decode(path.read_bytes(), classifier.input, limits).pixels

    @task
    def classify(pixels: Any) -> dict[str, float]:
        return dict(zip(classifier.classes, classifier.predict(np.asarray(pixels)[None])[0].tolist(), strict=True))

    @task
    def filter_low_confidence(probabilities: dict[str, float]) -> str:
        return judge(probabilities, classifier.threshold)[2].value

    @flow
    def per_image(paths: list[Path]) -> list[str]:
        outcomes: list[str] = filter_low_confidence.map(classify.map(serialize.map(paths))).result()
        return outcomes

    assert len(per_image(_paths(count))) == count
    return {"seconds": time.perf_counter() - start}


def _run_original(count: int, models: Path) -> dict[str, Any]:
    """Run torch in float32 with one image per forward pass, decoded at full size."""
    import numpy as np
    from PIL import Image

    from sightline.registry import Registry
    from sightline.vision import load_weights

    # The other measurements also import torch when they load the model.
    start = time.perf_counter()
    import torch

    files = Registry(models).open("posture")
    module, head = load_weights(files)
    size = files.record.image_input
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (size.mean, size.std))
    with torch.inference_mode():
        for path in _paths(count):
            with Image.open(path) as image:
                resized = image.convert("RGB").resize((size.width, size.height), Image.Resampling.BILINEAR)
            pixels = torch.from_numpy(np.array(resized)).permute(2, 0, 1).float() / 255
            head.logits(module(((pixels - mean) / std)[None]).numpy()).argmax()
    return {"seconds": time.perf_counter() - start}


_CHILDREN: dict[str, Callable[[int, Path], dict[str, Any]]] = {
    "bare": _run_bare,
    "flow": _run_flow,
    "per-image": _run_per_image,
    "original": _run_original,
}


def _child(pretrained: bool, kind: str, images: int, server: BenchServer) -> dict[str, Any]:
    """Measure in a separate process, for its peak memory; the time includes only the imports of loading a model."""
    model = [] if pretrained else ["--no-pretrained"]
    return run_child("benchmarks.images", ["--child", kind, "--images", str(images), *model], server)


if __name__ == "__main__":
    main()
