"""``make demo``: a clip, pressure maps and sessions are made, processed as a user would, and shown. No downloads."""

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
from demo.maps import build_maps
from demo.monitoring import make_up_week
from demo.page import write_page
from demo.ranking import write_ranking
from demo.runners import build_photos
from deployments.serve import ServerNotStarted, server
from sightline.registry import Registry
from sightline.training import POSTURES
from sightline.training.emotions import write_synthetic_sessions
from sightline.training.ranking import write_runners

HERE = Path(__file__).parent
OUT = HERE / "out"
MODELS = OUT / "models"
PATIENT, EMOTIONS = "synthetic-ana", ("happy", "sad", "surprised")
ASKED = 1001  # a number that none of the sessions to learn from has

# Nothing that is set for real work reaches the demo: neither models and folders, nor the people who get alerts.
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
    """Make everything under ``demo/out`` and say where each result lies."""
    os.environ |= ENVIRONMENT
    try:
        with server():  # which each command would else start for itself
            _video(OUT / "index.html")
            _images(OUT / "images.html")
            _monitoring(OUT / "monitoring")
            _ranking(OUT / "ranking.html")
            _emotions(OUT / "emotions.html")
    except ServerNotStarted as error:
        print(f"make demo: {error}", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:  # which has said why
        return error.returncode
    print("\nThe runs, in Prefect's own pages: PREFECT_HOME=demo/out/prefect make ui")
    return 0


def _video(page: Path) -> None:
    videos = OUT / "videos"
    clip = videos / "ana" / "clip.mp4"
    if not clip.exists():
        clip.parent.mkdir(parents=True, exist_ok=True)
        print("Making a short clip ...", flush=True)
        build_clip(clip.with_suffix(".part.mp4"), HERE / "speech.ogg", seconds=17).rename(clip)
    result = _sightline(
        "process-video", str(clip), "--video-bucket", str(videos), "--patients-bucket", str(OUT / "patients"),
        "--transcriber", "pocketsphinx", "--highlights",
    )  # fmt: skip
    write_page(result, page)
    names = ("annotated_video", "highlights", "frames", "poses", "pose_folder", "track", "metadata_file", "csv")
    _list({name.replace("_", " "): result[name] for name in names})
    print(f"\nAll of it side by side: {page}\n", flush=True)


def _images(page: Path) -> None:
    registry, training_set, to_classify = Registry(MODELS), OUT / "maps", OUT / "maps-to-classify"
    if registry.current("posture") is None:
        _sightline("synthesize-pressure-maps", str(training_set), "--count", "400")
        _sightline("train-image-classifier", "posture", str(training_set), "--no-pretrained")
    if not to_classify.exists():
        print("Making maps to classify: plain ones, hard ones and broken files ...", flush=True)
        build_maps(to_classify, seed=7)
    result = _sightline("classify-images", str(to_classify), "--model", "posture")
    model = MODELS / result["model"]
    write_sheet(result, registry.record(result["model"]), model, page)
    _list({name: result[name] for name in ("results", "table", "review", "capture")} | {"model": model})
    kinds = ("accepted", "low_confidence", "rejected")
    counts = ", ".join(f"{result[kind]} {kind.replace('_', ' ')}" for kind in kinds)
    print(f"\n{result['images']} images, {counts}, on a contact sheet: {page}", flush=True)


def _monitoring(folder: Path) -> None:
    week = OUT / "capture-with-a-week-made-up"
    print("Making up a week of captures, whose last two days are unlike the others ...", flush=True)
    start = make_up_week(MODELS, OUT / "capture", week, seed=11)
    report = _sightline(
        "monitor-model", "posture", "--since", start.isoformat(), "--capture", str(week), "--output", str(folder),
        "--note", "Made up: all but the last predictions of this week were made for this demonstration, and the drift "
        "of its last two days on purpose.",
    )  # fmt: skip
    found = "; ".join(each["says"] for each in report["drift"]) or "no drift"
    print(f"\n{report['events']} predictions: {found}. The report: {report['report']}", flush=True)


def _ranking(page: Path) -> None:
    """Trained on lower bodies that are drawn as such; whom to rank is found in photos, by the pose models."""
    registry, training_set, to_rank = Registry(MODELS), OUT / "runners", OUT / "photos-to-rank"
    if registry.current("running-style") is None:
        print("Drawing runners ...", flush=True)
        write_runners(training_set, 16, evaluate=8, people=2, prepared=True)
        _sightline("train-ranking", str(training_set), "--prepared", "--no-pretrained", "--image-size", "96")
    if not to_rank.exists():
        build_photos(to_rank, seed=7)
    result = _sightline("rank-images", str(to_rank), "--chunk-size", "2")
    model = MODELS / result["model"]
    stages = _sightline("stages", "ranking")
    write_ranking(result, stages, registry.record(result["model"]), model, OUT / "ranked-people", page)
    _list({name: result[name] for name in ("results", "table", "sheet")} | {"model": model})
    print(f"\n{result['ranked']} people ranked, on a contact sheet: {page}", flush=True)


def _emotions(page: Path) -> None:
    """One made-up patient, trained on all but the last session, which the model is then asked about."""
    videos, patients = OUT / "synthetic-videos", OUT / "synthetic-patients"
    places = ("--video-bucket", str(videos), "--patients-bucket", str(patients))
    registry = Registry(MODELS)
    for folder in (videos, patients):  # else a second demo would learn from the session that it then asks about
        shutil.rmtree(folder, ignore_errors=True)
    print(f"Making up sessions of {PATIENT} ...", flush=True)
    write_synthetic_sessions(patients, PATIENT, video_bucket=videos, emotions=EMOTIONS, sessions_per_emotion=10)
    training = _sightline("train-emotion", PATIENT, *places[2:], "--force", "--repeats", "2", "--permutations", "39")
    [asked] = write_synthetic_sessions(
        patients, PATIENT, video_bucket=videos, emotions=EMOTIONS[:1], sessions_per_emotion=1, first=ASKED
    )
    prediction = _sightline("predict-emotion", f"{PATIENT}/{asked.session}", *places)
    record = registry.record(prediction["model"])
    model = MODELS / record.name / str(record.version)
    write_patient(training, prediction, record, model, page)
    _list({"sessions": patients / PATIENT, "model": model, "metadata": prediction["metadata_file"]})
    print(f"\n{record.metrics['verdict']}\nThe patient's model on a page: {page}", flush=True)


def _sightline(*command: str) -> dict[str, Any]:
    """What the command says in JSON. Raises :class:`subprocess.CalledProcessError` for one that fails."""
    print("sightline", *command, flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "flows", *command, "--json"],
        stdout=subprocess.PIPE, check=True, text=True,
    )  # fmt: skip
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _list(places: dict[str, Any]) -> None:
    for name, place in places.items():
        print(f"  {name:16} {place}")


if __name__ == "__main__":
    sys.exit(main())
