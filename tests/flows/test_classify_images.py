"""The complete flow on images, with a Prefect server."""

from __future__ import annotations

import base64
import csv
import hashlib
import http.server
import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from prefect.client.orchestration import get_client
from prefect.states import State

from flows.__main__ import run as sightline
from flows.classify_images import ClassificationResult, classify_images
from sightline import storage
from sightline.errors import ThresholdNotMet
from sightline.monitoring import read_captures
from sightline.registry import ModelNotFound, Registry
from sightline.reviews import questions_of_results
from sightline.settings import settings
from sightline.storage import Location
from tests.familiarity import bars, publish_with_familiarity
from tests.images import encoded, grey, image_file, png_of_size, publish_by_brightness
from tests.web import listening, ok

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parent.parent.parent
SURE, UNSURE = (0, 30, 225, 255), (110, 127, 150)


@pytest.fixture(autouse=True)
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """A registry with a model that distinguishes black and white; all buckets are in the test's folder."""
    for name in ("model", "results", "capture", "outbox"):
        monkeypatch.setenv(f"{name.upper()}_BUCKET", str(tmp_path / name))
    settings.cache_clear()
    models = Registry(tmp_path / "model", builtin=tmp_path / "none")
    publish_by_brightness(models)
    yield models
    settings.cache_clear()


def run(source: Any, **options: Any) -> State[ClassificationResult]:
    return classify_images(source, options.pop("model", "vehicles"), return_state=True, **options)


def records(result: ClassificationResult) -> list[dict[str, Any]]:
    return [json.loads(line) for line in storage.read_bytes(storage.locate(result.results)).splitlines()]


def captured(result: ClassificationResult) -> list[Any]:
    return list(read_captures(storage.locate(result.capture)))


def alerts_of(state: State[Any]) -> list[str]:
    with get_client(sync_client=True) as client:
        run_id = str(state.state_details.flow_run_id)
        response = client._client.post("/artifacts/filter", json={"artifacts": {"key": {"any_": ["alert"]}}})
        return [artifact["data"] for artifact in response.json() if artifact["flow_run_id"] == run_id]


def greys(folder: Path, levels: tuple[int, ...]) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{place:03d}.png" for place in range(len(levels))]
    for path, level in zip(paths, levels, strict=True):
        path.write_bytes(grey(level))
    return paths


def broken(folder: Path, s3: Location) -> dict[str, tuple[str, str]]:
    """Return ten kinds of unreadable images: the URI and the expected reason of each."""
    complete_png, complete_jpeg = image_file(1, (200, 200)), image_file(1, (200, 200), "JPEG")
    files = {
        "empty": (b"", "empty"),
        "text": (b"not an image", "not_an_image"),
        "png cut off": (complete_png[: len(complete_png) // 2], "truncated"),
        "jpeg cut off": (complete_jpeg[: len(complete_jpeg) // 2], "truncated"),
        "bomb": (png_of_size(50_000, 50_000), "too_many_pixels"),
        "long": (complete_png + bytes(300_000), "too_large"),
    }
    sources = {}
    for name, (data, reason) in files.items():
        (folder / f"{name}.png").write_bytes(data)
        sources[name] = (str(folder / f"{name}.png"), reason)
    return sources | {
        "missing": (str(folder / "missing.png"), "missing"),
        "missing on s3": (f"{s3}/missing.png", "missing"),
        "forbidden": ("http://169.254.169.254/latest/meta-data", "forbidden_address"),
        "scheme": ("ftp://example.com/a.png", "unsupported_uri"),
    }


def test_every_image_of_a_partly_broken_thousand_has_an_outcome(
    tmp_path: Path, s3_bucket: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAX_IMAGE_BYTES", "250000")
    settings.cache_clear()
    good = greys(tmp_path / "good", tuple(SURE[place % 4] for place in range(900)))
    bad = broken(tmp_path / "good", s3_bucket)
    source = [str(path) for path in good]
    for place in range(100):
        source.insert(place * 10, list(bad.values())[place % 10][0])
    state = run(source)
    assert (state.name, state.type.value) == ("Completed", "COMPLETED")
    result = state.result()
    assert (result.images, result.accepted, result.low_confidence, result.rejected) == (1000, 900, 0, 100)
    stored = records(result)
    assert [record["uri"] for record in stored] == source
    reason_of = dict(bad.values())
    for record in stored:
        assert record["outcome"] == ("rejected" if record["uri"] in reason_of else "accepted")
        assert record["reason"] == reason_of.get(record["uri"])
    assert result.reasons == Counter(reason for _, reason in bad.values() for _ in range(10))
    events = captured(result)
    assert len(events) == len({event.event_id for event in events}) == 900
    [alert] = alerts_of(state)
    assert "and 50 more" in alert
    assert all(f"| {fact} |" in alert or fact in alert for fact in ("900", "100", "vehicles/1"))


def test_record_has_prediction_and_model_in_json_and_table(tmp_path: Path) -> None:
    [dark, middle] = greys(tmp_path / "in", (0, 127))
    result = run(str(tmp_path / "in")).result()
    first, second = records(result)
    assert first["class"] == "bicycle"
    assert list(first["probabilities"]) == ["bicycle", "motorcycle"]
    assert sum(first["probabilities"].values()) == pytest.approx(1)
    assert first["confidence"] == max(first["probabilities"].values()) >= first["threshold"] == 0.93
    assert (first["outcome"], first["reason"], first["model"]) == ("accepted", None, "vehicles/1")
    assert first["sha256"] == hashlib.sha256(dark.read_bytes()).hexdigest()
    assert first["timings"].keys() == {"serialize", "classify"}
    assert second["uri"] == str(middle)
    assert (second["outcome"], second["reason"]) == ("low_confidence", "THRESHOLD_CONFIDENCE_NOT_MET")
    rows = pq.read_table(result.table).to_pylist()
    assert [row["class"] for row in rows] == [first["class"], second["class"]]
    assert result.csv is not None
    with Path(result.csv).open(encoding="utf-8-sig", newline="") as file:
        assert [row["uri"] for row in csv.DictReader(file)] == [str(dark), str(middle)]
    assert result.answer == f"start `make ui`, and there review-predictions with results={result.results}"
    review = [json.loads(line) for line in Path(result.review).read_bytes().splitlines()]
    assert review == [second]


SECRET = "s3cr3tV4lue"


def test_credentials_of_urls_are_used_and_stored_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in results, captures, alerts and log lines: neither of an image that was read nor of one that was not."""
    monkeypatch.setenv("IMAGE_HOSTS", '["127.0.0.1"]')
    monkeypatch.setenv("ALERT_CHANNELS", '["slack-webhook/no-such-block"]')  # so that the alerts wait in the outbox
    settings.cache_clear()
    with listening(ok(grey(127))) as server:
        base = f"127.0.0.1:{server.port}"
        state = run(
            {
                "image_urls": [
                    f"http://ana:{SECRET}@{base}/a.png",
                    f"http://{base}/b.png?width=9&X-Amz-Signature={SECRET}",
                    f"http://{base}/c.png?sig={SECRET}",
                    f"http://{base}/d.png?token={SECRET}",
                    f"http://ana:{SECRET}@{base}:70058/e.png",
                    f"ftp://ana:{SECRET}@{base}/f.png",
                ]
            }
        )
    result = state.result()
    assert (result.accepted, result.low_confidence, result.rejected) == (0, 4, 2)
    sent = base64.b64encode(f"ana:{SECRET}".encode()).decode()
    assert [f"Authorization: Basic {sent}" in request for request in server.requests].count(True) == 1
    assert [record["uri"] for record in records(result)][:4] == [
        f"http://{base}/a.png", f"http://{base}/b.png?width=9&…", f"http://{base}/c.png?…", f"http://{base}/d.png?…",
    ]  # fmt: skip
    assert sorted(event.uri for event in captured(result)) == [record["uri"] for record in records(result)[:4]]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.relative_to(tmp_path).parts[0] for path in files} >= {"results", "capture", "outbox"}
    contents = [path.read_bytes() for path in files] + [text.encode() for text in (*alerts_of(state), caplog.text)]
    assert not [content for content in contents if SECRET.encode() in content]
    assert SECRET not in str(pq.read_table(result.table).to_pylist())


def test_files_that_are_not_processed_are_counted_and_named(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    greys(folder, SURE[:2])
    (folder / "scan").write_bytes(grey(255))
    (folder / "labels.csv").write_text("a,b")
    (folder / ".hidden.png").write_bytes(grey(0))
    (folder / "linked").symlink_to(tmp_path)
    first = run(str(folder)).result()
    assert (first.images, first.accepted) == (3, 3)
    assert first.skipped == {"hidden": 1, "linked_folder": 1, "not_an_image": 1}
    lines = [json.loads(line) for line in storage.read_bytes(storage.locate(first.skipped_files)).splitlines()]
    assert {Path(line["uri"]).name: line["reason"] for line in lines} == {
        ".hidden.png": "hidden", "labels.csv": "not_an_image", "linked": "linked_folder"
    }  # fmt: skip
    (folder / "notes.txt").write_text("new")
    again = run(str(folder)).result()
    assert again.skipped["not_an_image"] == 2


def test_range_of_a_sensor_is_a_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "map.png"
    path.write_bytes(encoded(Image.fromarray(np.full((32, 32), 4095, np.uint16))))
    unknown = run([str(path)]).result()
    assert unknown.reasons == {"unknown_range": 1}
    monkeypatch.setenv("IMAGE_WHITE", "4095")
    settings.cache_clear()
    known = run([str(path)]).result()
    assert (known.accepted, known.classes) == (1, run([str(greys(tmp_path / "white", (255,))[0])]).result().classes)


def test_warning_about_a_file_is_in_its_record(tmp_path: Path) -> None:
    path = tmp_path / "profile.png"
    path.write_bytes(encoded(Image.new("RGB", (32, 32), "black"), icc_profile=b"damaged"))
    result = run([str(path)]).result()
    assert (result.accepted, result.with_warnings) == (1, 1)
    (record,) = records(result)
    assert "ICC profile is ignored" in record["warnings"][0]
    (row,) = pq.read_table(result.table).to_pylist()
    assert "ICC profile is ignored" in row["warnings"]


def test_image_of_an_unknown_kind_goes_to_review(
    registry: Registry, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    publish_with_familiarity(registry)
    (tmp_path / "in").mkdir()
    for number, pixels in enumerate(bars(8, 3)):
        (tmp_path / "in" / f"{number}.png").write_bytes(encoded(Image.fromarray(pixels)))
    strange = {"black.png": grey(0), "noise.png": image_file(1), "wide.jpg": image_file(2, (300, 100), "JPEG")}
    for name, data in strange.items():
        (tmp_path / "in" / name).write_bytes(data)
    state = run(str(tmp_path / "in"), chunk_size=4)
    result = state.result()
    assert (result.accepted, result.low_confidence, result.familiarity_checked) == (8, 3, True)
    assert result.reasons == {"OUT_OF_DISTRIBUTION": 3}
    review = [json.loads(line) for line in Path(result.review).read_bytes().splitlines()]
    assert [Path(record["uri"]).name for record in review] == list(strange)
    assert all(record["reason"] == "OUT_OF_DISTRIBUTION" and record["strangeness"] > 1 for record in review)
    assert all(record["confidence"] > record["threshold"] for record in review)
    stored = {record["uri"]: record["strangeness"] for record in records(result)}
    assert {event.uri: event.strangeness for event in captured(result)} == stored
    assert [row["strangeness"] for row in pq.read_table(result.table).to_pylist()] == list(stored.values())
    assert len(questions_of_results(Path(result.review)).questions) == 3
    [alert] = alerts_of(state)
    assert "OUT\\_OF\\_DISTRIBUTION" in alert
    assert "nothing checks" not in caplog.text
    with pytest.raises(ThresholdNotMet, match=r"3 of 11 images are below 0\.93, or of a kind that vehicles/2 does not"):
        classify_images(str(tmp_path / "in"), "vehicles", on_low_confidence="fail")


def test_run_without_a_measure_warns_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    greys(tmp_path / "in", SURE * 4)
    result = run(str(tmp_path / "in"), chunk_size=4).result()
    assert caplog.text.count("nothing checks whether an image is of the kind") == 1
    assert result.familiarity_checked is False
    assert {record["strangeness"] for record in records(result)} == {None}


def test_failing_run_first_records_captures_and_alerts(tmp_path: Path) -> None:
    greys(tmp_path / "in", (*UNSURE, *SURE) * 3)
    state = run(str(tmp_path / "in"), on_low_confidence="fail", chunk_size=4)
    assert state.is_failed()
    with pytest.raises(ThresholdNotMet, match="THRESHOLD_CONFIDENCE_NOT_MET: 9 of 21 images"):
        state.result()
    [results] = (tmp_path / "results").glob("*/*/results.jsonl")
    assert len(results.read_bytes().splitlines()) == 21
    assert len(list(read_captures(tmp_path / "capture"))) == 21
    [alert] = alerts_of(state)
    assert alert.count(".png") >= 9


def test_run_with_only_accepted_images_sends_no_alert(tmp_path: Path) -> None:
    greys(tmp_path / "in", SURE)
    assert alerts_of(run(str(tmp_path / "in"))) == []


def test_threshold_parameter_overrides_the_model(tmp_path: Path) -> None:
    greys(tmp_path / "in", UNSURE)
    assert run(str(tmp_path / "in")).result().accepted == 0
    assert run(str(tmp_path / "in"), threshold=0.5).result().accepted == 3


def test_repeated_run_on_the_same_images_is_skipped(tmp_path: Path) -> None:
    [first, *_] = greys(tmp_path / "in", (*SURE, 127))
    done, again = run(str(tmp_path / "in")), run(str(tmp_path / "in"))
    assert again.name == "Skipped"
    assert again.is_completed()
    assert again.result() == done.result().model_copy(update={"processed": False})
    assert len(captured(done.result())) == 5
    first.write_bytes(grey(240))
    assert run(str(tmp_path / "in")).name == "Completed"
    assert len(captured(done.result())) == 10


def test_missing_model_names_the_command_that_trains_it(tmp_path: Path) -> None:
    greys(tmp_path / "in", SURE)
    state = run(str(tmp_path / "in"), model="products")
    with pytest.raises(ModelNotFound, match="sightline train-image-classifier products"):
        state.result()


def test_damaged_model_is_named_as_the_cause(tmp_path: Path) -> None:
    greys(tmp_path / "in", SURE * 8)
    weights = tmp_path / "model" / "vehicles" / "1" / "backbone.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    state = run(str(tmp_path / "in"), chunk_size=4)
    assert state.is_failed()
    assert str(weights) in str(state.message)


def test_run_uses_the_version_that_is_current_at_its_start(tmp_path: Path, registry: Registry) -> None:
    greys(tmp_path / "in", SURE)
    assert run(str(tmp_path / "in")).result().model == "vehicles/1"
    publish_by_brightness(registry)
    assert run(str(tmp_path / "in")).result().model == "vehicles/2"
    assert run(str(tmp_path / "in"), model="vehicles/1").name == "Skipped"


def test_settings_of_the_original_posture_service_work(
    tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        publish_by_brightness(registry, "posture", classes=("left", "right"))
    greys(tmp_path / "in", SURE)
    monkeypatch.setenv("MODEL_BUCKET_NAME", str(tmp_path / "model"))
    monkeypatch.delenv("MODEL_BUCKET")
    monkeypatch.setenv("EMBED_MODEL_KEY", "posture/1/backbone.safetensors")
    monkeypatch.setenv("CLASSES", '["left", "right", "supine"]')
    monkeypatch.setenv("DEVICE", "cpu")
    settings.cache_clear()
    assert run(str(tmp_path / "in"), model="posture").result().model == "posture/1"
    monkeypatch.setenv("CLASSES", '["right", "left"]')
    settings.cache_clear()
    assert "CLASSES is right, left" in str(run(str(tmp_path / "in"), model="posture").message)
    monkeypatch.delenv("CLASSES")
    monkeypatch.setenv("XGB_MODEL_KEY", "xgboost_model.pkl")
    settings.cache_clear()
    assert "a pickle can run code" in str(run(str(tmp_path / "in"), model="posture").message)


@pytest.mark.parametrize("kind", ["urls", "one url", "key", "items", "body", "prefix"])
def test_s3_object_is_classified_from_every_kind_of_payload(kind: str, s3_bucket: Location, tmp_path: Path) -> None:
    storage.write_bytes(s3_bucket / "in" / "a b.png", grey(0))
    uri, bucket = f"{s3_bucket}/in/a b.png", s3_bucket.bucket  # type: ignore[union-attr]
    item = {"image_data": "", "s3_bucket": bucket, "s3_key": "in/a b.png"}
    source: Any = {
        "urls": {"image_urls": [uri]},
        "one url": {"image_urls": f"https://{bucket}.s3.ap-southeast-2.amazonaws.com/in/a%20b.png"},
        "key": item,
        "items": {"images": [item]},
        "body": {"body": json.dumps({"image_urls": [uri]})},
        "prefix": f"{s3_bucket}/in",
    }[kind]
    result = run(source, output=f"{s3_bucket}/out", capture=f"{s3_bucket}/capture").result()
    [record] = records(result)
    assert (record["class"], record["outcome"]) == ("bicycle", "accepted")
    assert len(captured(result)) == 1
    assert not (tmp_path / "results").exists()


def test_payload_image_that_is_not_base64_is_rejected() -> None:
    payload = {"images": [base64.b64encode(grey(0)).decode(), "not base64!", base64.b64encode(grey(255)).decode()]}
    assert [record["class"] for record in records(run(payload).result())] == ["bicycle", None, "motorcycle"]


def test_payload_does_not_read_local_files(tmp_path: Path) -> None:
    [path] = greys(tmp_path / "in", (0,))
    [record] = records(run({"image_urls": [str(path)]}).result())
    assert (record["outcome"], record["reason"]) == ("rejected", "unsupported_uri")


class Endpoint(http.server.BaseHTTPRequestHandler):
    """SageMaker's runtime: it returns the replies in turn, then repeats the last."""

    seen: list[tuple[str, str, bytes]]
    replies: list[tuple[int, str]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append((self.path, self.headers["Content-Type"], body))
        status, text = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if status != 200:
            self.send_header("x-amzn-ErrorType", "ThrottlingException" if status == 429 else "ValidationError")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


@pytest.fixture
def endpoint(s3_bucket: Location, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Endpoint]]:
    handler = type("Handler", (Endpoint,), {"seen": [], "replies": [(200, "[0.6003, 0.3997]")]})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("CLASSES", '["bicycle", "motorcycle"]')
    settings.cache_clear()
    yield handler
    server.shutdown()
    server.server_close()


def test_throttled_endpoint_is_retried_for_the_original_motorcycle(endpoint: type[Endpoint], tmp_path: Path) -> None:
    endpoint.replies.insert(0, (429, "{}"))
    (tmp_path / "in.jpg").write_bytes(image_file(1, kind="JPEG"))
    result = run(str(tmp_path / "in.jpg"), model="endpoint://scones-1", threshold=0.93).result()
    [record] = records(result)
    assert record["probabilities"] == {"bicycle": 0.6003, "motorcycle": 0.3997}
    assert (record["outcome"], record["reason"]) == ("low_confidence", "THRESHOLD_CONFIDENCE_NOT_MET")
    assert record["model"] == "endpoint://scones-1"
    sent = ("/endpoints/scones-1/invocations", "image/jpeg", (tmp_path / "in.jpg").read_bytes())
    assert endpoint.seen == [sent, sent]
    assert next((tmp_path / "capture").rglob("*.jsonl")).relative_to(tmp_path / "capture").parts[:2] == (
        "scones-1",
        "AllTraffic",
    )


def test_endpoint_that_rejects_an_image_is_not_retried(endpoint: type[Endpoint], tmp_path: Path) -> None:
    endpoint.replies[:] = [(400, '{"Message": "no"}')]
    greys(tmp_path / "in", (0,))
    result = run(str(tmp_path / "in"), model="endpoint://scones-2", threshold=0.93).result()
    assert result.reasons == {"endpoint_refused": 1}
    assert len(endpoint.seen) == 1
    assert captured(result) == []


def test_endpoint_needs_a_threshold_and_classes(tmp_path: Path) -> None:
    greys(tmp_path / "in", (0,))
    assert "Give --threshold, and set CLASSES" in str(run(str(tmp_path / "in"), model="endpoint://scones-1").message)


KILLED = """
import os, signal, sys
from flows.classify_images import classify_images
from sightline.vision import ClassificationRun
keep, stored = ClassificationRun.keep, []
def keep_five(*arguments):
    if len(stored) >= 5:  # two chunks may be stored at the same time
        os.kill(os.getpid(), signal.SIGKILL)
    stored.append(keep(*arguments))
ClassificationRun.keep = keep_five
classify_images(sys.argv[1], "vehicles", chunk_size=4, output=sys.argv[2])
"""


@pytest.mark.slow
@pytest.mark.soak
def test_killed_run_repeats_only_unfinished_chunks(tmp_path: Path, prefect_server: str) -> None:
    greys(tmp_path / "in", tuple(SURE[place % 4] for place in range(64)))
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, tmp_path / "in", tmp_path / "out"],
        cwd=ROOT, env={**os.environ, "PREFECT_API_URL": prefect_server}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    done = [path.name for path in (tmp_path / "out").glob(".classify-*/*[0-9].jsonl")]
    captures = {path: path.stat().st_mtime_ns for path in (tmp_path / "capture").rglob("*.jsonl")}
    assert 5 <= len(done) < 16
    assert not (tmp_path / "out" / "results.jsonl").exists()
    # A chunk that was captured and not yet recorded is repeated and overwrites its own file.
    result = run(str(tmp_path / "in"), chunk_size=4, output=str(tmp_path / "out")).result()
    assert (result.images, result.accepted) == (64, 64)
    assert [record["uri"] for record in records(result)] == sorted(map(str, (tmp_path / "in").iterdir()))
    events = captured(result)
    assert len(events) == len({event.event_id for event in events}) == 64
    assert len(list((tmp_path / "capture").rglob("*.jsonl"))) == 16
    untouched = sum(path.stat().st_mtime_ns == at for path, at in captures.items())
    assert untouched >= len(done)


def test_command_line_accepts_a_payload_as_json() -> None:
    payload, output = json.dumps({"images": [base64.b64encode(grey(0)).decode()]}), io.StringIO()
    assert sightline(["classify-images", payload, "--model", "vehicles", "--json"], output) == 0
    assert json.loads(output.getvalue())["classes"] == {"bicycle": 1, "motorcycle": 0}
