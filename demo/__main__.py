"""``make demo``: generate inputs, process them with the command line, and write pages of the results. No downloads."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from demo.clip import build_clip
from demo.emotions import write_patient
from demo.images import write_sheet
from demo.maps import MODEL, build_maps
from demo.monitoring import write_synthetic_week
from demo.page import write_page
from demo.ranking import write_ranking
from demo.runners import build_photos
from deployments.serve import ServerNotStarted, server
from sightline.registry import Registry
from sightline.training.emotions import write_synthetic_sessions
from sightline.training.images import POSTURES
from sightline.training.ranking import write_runners

HERE = Path(__file__).parent
OUT = HERE / "out"
MODELS = OUT / "models"
PATIENT, EMOTIONS = "synthetic-ana", ("happy", "sad", "surprised")
PREDICTED = 1001  # a session number that the training data does not contain

# The demo ignores the user's settings: it must not touch real models and folders, or send real alerts.
ENVIRONMENT = {
    "MODEL_BUCKET": str(MODELS),
    "RESULTS_BUCKET": str(OUT / "results"),
    "CAPTURE_BUCKET": str(OUT / "capture"),
    "REVIEWS_BUCKET": str(OUT / "reviews"),
    "OUTBOX_BUCKET": str(OUT / "outbox"),
    "CLASSES": json.dumps(POSTURES),
    "EMBED_MODEL_KEY": "",
    "XGB_MODEL_KEY": "",
    "ALERT_CHANNELS": "[]",
    "PREFECT_HOME": str(OUT / "prefect"),
}


def main() -> int:
    """Write everything under ``demo/out``, and print where the results are."""
    os.environ |= ENVIRONMENT
    try:
        with server():  # otherwise every command starts its own
            _video(OUT / "index.html")
            _images(OUT / "images.html")
            _monitoring(OUT / "monitoring")
            _ranking(OUT / "ranking.html")
            _emotions(OUT / "emotions.html")
    except ServerNotStarted as error:
        print(f"make demo: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:  # the command printed the reason
        return error.returncode
    print("\nTo see the runs in the Prefect UI: PREFECT_HOME=demo/out/prefect make ui")
    return 0


def _video(page: Path) -> None:
    videos = OUT / "videos"
    clip = videos / "ana" / "clip.mp4"
    if not clip.exists():
        clip.parent.mkdir(parents=True, exist_ok=True)
        print("Creating a short clip ...", flush=True)
        build_clip(clip.with_suffix(".part.mp4"), HERE / "speech.ogg", seconds=17).rename(clip)
    result = _sightline(
        "process-video", str(clip), "--video-bucket", str(videos), "--patients-bucket", str(OUT / "patients"),
        "--transcriber", "pocketsphinx", "--highlights", "--names", "John",
    )  # fmt: skip
    write_page(result, page)
    results = ("annotated_video", "highlights", "frames", "poses", "pose_folder", "track", "metadata_file", "csv")
    _print_paths({name.replace("_", " "): result[name] for name in results})
    print(f"\nThe results on one page: {page}\n", flush=True)


def _images(page: Path) -> None:
    registry, training_set, new_maps = Registry(MODELS), OUT / "maps", OUT / "maps-to-classify"
    if registry.current(MODEL) is None:
        _sightline("synthesize-pressure-maps", str(training_set), "--count", "400")
        _sightline("train-image-classifier", MODEL, str(training_set), "--preset", "posture", "--no-pretrained")
    if not new_maps.exists():
        print("Creating maps to classify: ordinary ones, ambiguous ones and invalid files ...", flush=True)
        build_maps(new_maps, seed=7)
    result = _sightline("classify-images", str(new_maps), "--model", MODEL)
    model = MODELS / result["model"]
    write_sheet(result, registry.record(result["model"]), model, page)
    _print_paths({name: result[name] for name in ("results", "table", "review", "capture")} | {"model": model})
    kinds = ("accepted", "low_confidence", "rejected")
    counts = ", ".join(f"{result[kind]} {kind.replace('_', ' ')}" for kind in kinds)
    print(f"\n{result['images']} images: {counts}. Contact sheet: {page}", flush=True)


def _monitoring(folder: Path) -> None:
    week = OUT / "capture-with-synthetic-week"
    print("Creating a synthetic week of captures, with drift in the last two days ...", flush=True)
    start = write_synthetic_week(MODELS, OUT / "capture", week, seed=11)
    report = _sightline(
        "monitor-model", MODEL, "--since", start.isoformat(), "--capture", str(week), "--output", str(folder),
        "--note", "Synthetic: all but the last predictions of this week were generated for this demonstration, and so "
        "was the drift of its last two days.",
    )  # fmt: skip
    drift = "; ".join(check["says"] for check in report["drift"]) or "no drift"
    print(f"\n{report['events']} predictions: {drift}. Report: {report['report']}", flush=True)


def _ranking(page: Path) -> None:
    """Train on drawn lower bodies, and rank the people that the pose models find in photos."""
    registry, training_set, photos = Registry(MODELS), OUT / "runners", OUT / "photos-to-rank"
    if registry.current("running-style") is None:
        print("Drawing runners ...", flush=True)
        write_runners(training_set, 16, evaluate=8, people=2, prepared=True)
        _sightline("train-ranking", str(training_set), "--prepared", "--no-pretrained", "--image-size", "96")
    if not photos.exists():
        build_photos(photos, seed=7)
    result = _sightline("rank-images", str(photos), "--chunk-size", "2")
    model = MODELS / result["model"]
    stages = _sightline("stages", "ranking")
    write_ranking(result, stages, registry.record(result["model"]), model, OUT / "ranked-people", page)
    _print_paths({name: result[name] for name in ("results", "table", "sheet")} | {"model": model})
    print(f"\n{result['ranked']} people ranked. Contact sheet: {page}", flush=True)


def _emotions(page: Path) -> None:
    """Train a synthetic patient's model, and predict a session that it was not trained on."""
    videos, patients = OUT / "synthetic-videos", OUT / "synthetic-patients"
    buckets = ("--video-bucket", str(videos), "--patients-bucket", str(patients))
    registry = Registry(MODELS)
    for folder in (videos, patients):  # or a second demo would train on the session that it predicts
        shutil.rmtree(folder, ignore_errors=True)
    print(f"Creating sessions of {PATIENT} ...", flush=True)
    write_synthetic_sessions(patients, PATIENT, video_bucket=videos, emotions=EMOTIONS, sessions_per_emotion=10)
    training = _sightline("train-emotion", PATIENT, *buckets[2:], "--force", "--repeats", "2", "--permutations", "39")
    [session] = write_synthetic_sessions(
        patients, PATIENT, video_bucket=videos, emotions=EMOTIONS[:1], sessions_per_emotion=1, first=PREDICTED
    )
    prediction = _sightline("predict-emotion", f"{PATIENT}/{session.session}", *buckets)
    record = registry.record(prediction["model"])
    model = MODELS / record.name / str(record.version)
    write_patient(training, prediction, record, model, page)
    _print_paths({"sessions": patients / PATIENT, "model": model, "metadata": prediction["metadata_file"]})
    print(f"\n{record.metrics['verdict']}\nThe patient's model on one page: {page}", flush=True)


def _sightline(*command: str) -> dict[str, Any]:
    """Run the command and return its JSON result. Raises :class:`subprocess.CalledProcessError` if it fails."""
    print("sightline", *command, flush=True)
    process = subprocess.run(
        [sys.executable, "-m", "flows", *command, "--json"],
        stdout=subprocess.PIPE, check=True, text=True,
    )  # fmt: skip
    result: dict[str, Any] = json.loads(process.stdout)
    return result


def _print_paths(paths: dict[str, Any]) -> None:
    for name, path in paths.items():
        print(f"  {name:16} {path}")


if __name__ == "__main__":
    sys.exit(main())
