"""Pages, tables and alerts about trained models."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sightline.affect import Training
from sightline.registry import ModelRecord
from sightline.sessions import LeftOutSession
from sightline.training import emotions, images, ranking
from sightline.training.common.stages import StageRecord, StageRun
from sightline.training.emotions import GateReport, GateRow
from sightline.training.images import ComparisonRow, Unusable
from tests import records


def record_of(metrics: dict[str, object], **changes: object) -> ModelRecord:
    return records.model_record("posture", metrics, **changes)


def test_image_page_has_data_metrics_and_unusable_images() -> None:
    unusable = [Unusable(name=f"{number}.jpg", uri=f"/data/{number}.jpg", reason="empty") for number in range(22)]
    page = images.model_page(record_of(records.IMAGE_METRICS), records.promotion(), unusable, "/models/posture/3")
    blocks = page.split("\n\n")
    assert blocks[:4] == [
        "# posture/3: now the current model",
        "mobilenet_v3_small (ImageNet weights) with the head linear. Its macro-F1 is 0.8500, that of the current model "
        "is 0.8000: at least as good.",
        "**The images are synthetic: do not use this model in practice.**",
        "100 images from /data in 7 groups, each in one split only: 60 for training, 20 for validation, 20 for the "
        "test. 22 could not be used. Labels from reviews: 2.",
    ]
    assert "| accuracy | 0.9000 (95 %: 0.800 to 0.950) |\n| macro-F1 | 0.8500 |\n| accepted at 0.9 | 50.0% |" in page
    assert "| left | 1.000 | 0.500 | 0.667 | 4 |" in page
    assert "| true ↓, predicted → | left | right |\n| --- | --- | --- |\n| left | 2 | 2 |\n| right | 0 | 6 |" in page
    assert "2 folds, grouped: accuracy 0.8000 ± 0.1000, macro-F1 0.7000 ± 0.2000." in page
    assert "| 19.jpg | empty |\n\nand 2 more, in unusable.csv" in page
    assert blocks[-1] == "- `/models/posture/3/model.onnx`"


def test_image_page_leaves_out_a_large_confusion_matrix() -> None:
    record = record_of(records.IMAGE_METRICS, classes=tuple(f"class {number}" for number in range(21)))
    assert "true ↓" not in images.model_page(record, records.promotion(), [], "/models/posture/3")


def test_comparison_is_a_table_and_aligned_lines() -> None:
    rows = images.comparison_rows(
        [
            ComparisonRow(
                backbone="mobilenet", pretrained=True, head="softmax", accuracy=0.9, macro_f1=0.8, train_seconds=1,
                predict_seconds=0.5, chosen=True,
            )
        ]
    )  # fmt: skip
    assert rows[0]["weights"] == "ImageNet"
    assert images.aligned(rows) == [
        "backbone   weights   head     accuracy  macro-F1  train s  predict s  chosen",
        "mobilenet  ImageNet  softmax  0.9000    0.8000    1.0      0.50       yes",
    ]


def test_emotion_page_has_verdict_metrics_and_importance() -> None:
    record = records.model_record("ana", records.EMOTION_METRICS)
    page = emotions.model_page("ana", record, records.promotion(promoted=False), "/models/ana/3")
    assert page.split("\n\n")[:5] == [
        "# ana: ana/3, not promoted",
        "**Correct on 90 % of 10 unseen sessions.**",
        "Promotion: at least as good.",
        "**The sessions are synthetic: do not use this model in practice.**",
        "100 sessions from 7 videos. All metrics are out-of-fold: 3 folds, grouped by source video, repeated 5 times.",
    ]
    assert "| always predicting left | 0.400 |\n| logistic regression | 0.700 |" in page
    assert "| p-value of 100 permutations | 0.010 |" in page
    assert "| right | 0.75 | 1.00 | 0.86 | 6 |" in page
    assert "| feature | loss without it |\n| --- | --- |\n| hand speed | 0.2500 |" in page
    assert page.endswith("- `/models/ana/3/model.onnx`")


@pytest.mark.parametrize(
    ("proven", "title"),
    [
        (True, "ana: ana/3 is now the current model"),
        (False, "ana: ana/3 is now the current model, no evidence yet that it distinguishes emotions"),
    ],
)
def test_training_alert_states_promotion_and_evidence(proven: bool, title: str) -> None:
    record = records.model_record("ana", records.EMOTION_METRICS | {"proven": proven})
    alert = emotions.training_alert("ana", record, records.promotion(), "/models/ana/3")
    assert alert.title == title
    assert alert.key == "ana/3 2026-02-01T12:00:00+00:00"
    assert alert.facts == {
        "patient": "ana",
        "verdict": "correct on 90 % of 10 unseen sessions",
        "promotion": "now the current model: at least as good",
        "sessions": "100 from 7 videos, synthetic",
        "model": "/models/ana/3",
    }
    assert alert.rows[0] == {"emotion": "left", "sessions": "4", "recall": "0.50", "precision": "1.00"}


def test_gate_is_a_table_a_sentence_and_log_lines() -> None:
    gate = GateReport(
        passed=False,
        rows=(
            GateRow(name="sessions", setting="MIN_TOTAL_SAMPLES", needed=20, found=12, passed=False, note="all happy"),
            GateRow(name="cooldown", setting="COOLDOWN_HOURS", needed=24, found=None, passed=True),
        ),
        reasons=("too few sessions",),
        sessions=(),
        left_out=(LeftOutSession(session="visit", emotion="happy", reason="too few poses"),),
    )
    assert emotions.gate_rows(gate) == [
        {
            "condition": "sessions", "needed": 20, "found": 12, "passed": "no", "setting": "MIN_TOTAL_SAMPLES",
            "note": "all happy",
        },
        {
            "condition": "cooldown", "needed": 24, "found": "none", "passed": "yes", "setting": "COOLDOWN_HOURS",
            "note": "",
        },
    ]  # fmt: skip
    assert emotions.gate_summary("ana", gate) == (
        "ana: the gate did not pass, no model is trained. 0 sessions for training, 1 left out."
    )
    assert [line[0] for line in emotions.gate_lines(gate)] == ["✗", "✓"]


def test_training_rows_list_the_latest_first() -> None:
    first = Training(
        started=records.NOON, ended=records.NOON, started_by="flow run a", outcome="promoted", sessions=("1", "2"),
        code_version="0", version=1, accuracy=0.9, interval=(0.8, 0.95), verdict="good",
    )  # fmt: skip
    failed = Training(
        started=records.NOON, ended=records.NOON + timedelta(hours=1), started_by="flow run b", outcome="failed",
        sessions=("1",), code_version="0", error="out of memory",
    )  # fmt: skip
    rows = emotions.training_rows([first, failed])
    assert [row["outcome"] for row in rows] == ["failed", "promoted"]
    assert rows[0]["verdict or error"] == "out of memory"
    assert rows[1] == {
        "ended": "2026-02-01 12:00 UTC", "outcome": "promoted", "version": 1, "sessions": 2, "accuracy": "0.900",
        "95 % interval": "0.80 to 0.95", "verdict or error": "good", "started by": "flow run a",
    }  # fmt: skip


def test_ranking_page_has_metrics_stages_and_graph() -> None:
    stage = StageRecord(
        stage="head", key="k", inputs={}, parameters={}, code={}, folder="/stages", files={}, finished=records.NOON,
        seconds=1,
    )  # fmt: skip
    record = records.model_record("running-style", records.RANKING_METRICS)
    page = ranking.model_page(
        record,
        records.promotion(metric="roc_auc"),
        {"head": StageRun(ran=True, why="has not been run", record=stage)},
        "flowchart TD",
        "/models/running-style/3",
    )
    assert "with a linear head. Its ROC-AUC is 0.8500, that of the current model is 0.8000" in page
    assert "**The photos are synthetic: do not use this model in practice.**" in page
    assert "100 lower bodies from /data: 60 for training, 20 for validation, 20 for evaluation, from 7 source" in page
    assert "| accuracy | 0.9000 | 0.800 to 0.950 |" in page
    assert "| roc auc | not defined |  |" in page
    assert "| dropped | count |\n| --- | --- |\n| blurred | 2 |" in page
    assert "| head | ran | has not been run |" in page
    assert "```mermaid\nflowchart TD\n```" in page
