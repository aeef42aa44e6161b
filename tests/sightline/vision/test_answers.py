"""One reader understands the answers of the common servers, for classifying and for monitoring."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightline import storage
from sightline.monitoring import build_report, read_window, watch_endpoint
from sightline.vision import EndpointClassifier, InvalidAnswer, InvalidResponse, read_answer
from tests.captures import sagemaker_line
from tests.sightline.vision.test_endpoint import Client

CLASSES = ("bicycle", "motorcycle")
EXPECTED = (0.03, 0.97)


def read(value: Any, content_type: str = "application/json", classes: tuple[str, ...] = CLASSES) -> tuple[float, ...]:
    text = value if isinstance(value, str) else json.dumps(value)
    return read_answer(text.encode(), content_type).for_classes(classes, "the model")


PAIRS = [{"label": "motorcycle", "score": 0.97}, {"label": "bicycle", "score": 0.03}]
BY_NAME = {"motorcycle": 0.97, "bicycle": 0.03}
V2 = {"name": "probabilities", "datatype": "FP32", "shape": [1, 2], "data": [0.03, 0.97]}
PLACES = {"name": "label", "datatype": "INT64", "shape": [1], "data": [1]}
IN_SIGHTLINE = {
    "predictions": ["motorcycle"], "model": "vehicles/1", "classes": ["bicycle", "motorcycle"], "threshold": 0.9,
    "images": [{
        "uri": "inline:0", "image_data": "", "s3_bucket": "", "s3_key": "", "inferences": [0.03, 0.97],
        "class": "motorcycle", "confidence": 0.97, "probabilities": {"bicycle": 0.03, "motorcycle": 0.97},
        "outcome": "accepted", "reason": None, "detail": None,
    }],
}  # fmt: skip

# Each is written after the documentation of the server that it names.
FORMATS: dict[str, Any] = {
    "a row": [0.03, 0.97],
    "a batch of one row": [[0.03, 0.97]],
    "SageMaker JumpStart": {"probabilities": [0.03, 0.97]},
    "SageMaker JumpStart, verbose": {
        "probabilities": [0.97, 0.03], "labels": ["motorcycle", "bicycle"], "predicted_label": "motorcycle",
    },
    "SageMaker linear learner, multiclass": {"predictions": [{"score": [0.03, 0.97], "predicted_label": 1.0}]},
    "SageMaker Autopilot": {
        "predictions": [{
            "predicted_label": "motorcycle", "probability": 0.97, "probabilities": [0.97, 0.03],
            "labels": ["motorcycle", "bicycle"],
        }]
    },
    "SageMaker BlazingText": [{"label": ["__label__motorcycle", "__label__bicycle"], "prob": [0.97, 0.03]}],
    "TorchServe": BY_NAME,
    "TorchServe without names": {"1": 0.97, "0": 0.03},
    "TensorFlow Serving, rows": {"predictions": [[0.03, 0.97]]},
    "TensorFlow Serving, columns": {"outputs": [[0.03, 0.97]]},
    "TensorFlow Serving, named outputs": {
        "outputs": {"scores": [[0.97, 0.03]], "classes": [["motorcycle", "bicycle"]]},
    },
    "TensorFlow Serving, one named output": {"predictions": [{"dense_1": [0.03, 0.97]}]},
    "TensorFlow Serving, classify": {"results": [[["motorcycle", 0.97], ["bicycle", 0.03]]]},
    "TensorFlow estimator": {
        "predictions": [{
            "logits": [-1.7, 1.7], "probabilities": [0.03, 0.97], "class_ids": [1], "classes": ["1"],
            "all_classes": ["0", "1"],
        }]
    },
    "KServe v2": {"model_name": "vehicles", "outputs": [V2]},
    "KServe v2, nested": {"model_name": "vehicles", "outputs": [V2 | {"data": [[0.03, 0.97]]}]},
    "KServe v2, with the predicted place": {"model_name": "vehicles", "outputs": [PLACES, V2]},
    "KServe v2, of a convolution": {"outputs": [V2 | {"shape": [1, 2, 1, 1]}]},
    "Triton, classification": {
        "outputs": [
            {"name": "p", "datatype": "BYTES", "shape": [1, 2], "data": ["0.97:1:motorcycle", "0.03:0:bicycle"]}
        ]
    },
    "Triton, classification without names": {
        "outputs": [{"name": "p", "datatype": "BYTES", "shape": [1, 2], "data": ["0.97:1", "0.03:0"]}]
    },
    "Hugging Face": PAIRS,
    "Hugging Face, a batch": [PAIRS],
    "Hugging Face, default names": [{"label": "LABEL_1", "score": 0.97}, {"label": "LABEL_0", "score": 0.03}],
    "Hugging Face, zero-shot": {"sequence": "…", "labels": ["motorcycle", "bicycle"], "scores": [0.97, 0.03]},
    "ONNX Runtime server": {
        "outputs": {"probabilities": {"dims": ["1", "2"], "dataType": 1, "floatData": [0.03, 0.97]}},
    },
    "skl2onnx": {"output_label": [1], "output_probability": [{"0": 0.03, "1": 0.97}]},
    "Seldon": {"data": {"names": ["motorcycle", "bicycle"], "ndarray": [[0.97, 0.03]]}, "meta": {}},
    "Seldon, a tensor": {"data": {"names": ["t:0", "t:1"], "tensor": {"shape": [1, 2], "values": [0.03, 0.97]}}},
    "scikit-learn, by name": {"prediction": "motorcycle", "probability": BY_NAME},
    "scikit-learn, with classes": {"classes": ["motorcycle", "bicycle"], "predict_proba": [[0.97, 0.03]]},
    "MLflow, split": {"predictions": {"columns": ["motorcycle", "bicycle"], "index": [0], "data": [[0.97, 0.03]]}},
    "Vertex AI": {"predictions": [{"displayNames": ["motorcycle", "bicycle"], "confidences": [0.97, 0.03]}]},
    "Custom Vision": {
        "predictions": [
            {"probability": 0.97, "tagId": "x", "tagName": "motorcycle"},
            {"probability": 0.03, "tagId": "y", "tagName": "bicycle"},
        ]
    },
    "Keras, decode_predictions": [["n03790512", "motorcycle", 0.97], ["n02835271", "bicycle", 0.03]],
    "Keras, in an object": {
        "success": True,
        "predictions": [{"label": "motorcycle", "probability": 0.97}, {"label": "bicycle", "probability": 0.03}],
    },
    "places instead of names": [{"class_id": 1, "score": 0.97}, {"class_id": 0, "score": 0.03}],
    "a table of names": {"probabilities": [0.97, 0.03], "id2label": {"0": "motorcycle", "1": "bicycle"}},
    "a table of places": {"probabilities": [0.97, 0.03], "classes": {"bicycle": 1, "motorcycle": 0}},
    "labels under another key": {"probabilities": [0.97, 0.03], "order": ["motorcycle", "bicycle"], "tags": []},
    "other lists of texts": {"probabilities": [0.03, 0.97], "warnings": ["a", "b", "c"]},
    "torch.topk": {"values": [0.97, 0.03], "indices": [1, 0]},
    "other case": {"Motorcycle": 0.97, "Bicycle": 0.03},
    "Azure ML, JSON as a text": json.dumps({"result": [0.03, 0.97]}),
    "Lambda": {"statusCode": 200, "headers": {}, "body": json.dumps({"probabilities": [0.03, 0.97]})},
    "sightline": IN_SIGHTLINE,
    "sightline for Lambda": {"statusCode": 200, "headers": {}, "body": json.dumps(IN_SIGHTLINE)},
}  # fmt: skip


@pytest.mark.parametrize("value", FORMATS.values(), ids=FORMATS.keys())
def test_answer_of_a_common_server_is_read(value: Any) -> None:
    assert read(json.dumps(value)) == EXPECTED


NO_PROBABILITIES: dict[str, tuple[Any, str]] = {
    "a text of digits": ("10", "'10' is not a number"),
    "a text in a list": (["0.03", "0.97"], "'0.03' is not a number"),
    "a text of a class": ("motorcycle", "'motorcycle' is not a number"),
    "booleans": ([True, False], "true is not a number"),
    "booleans by name": ({"bicycle": False, "motorcycle": True}, "false is not a number"),
    "null": ([None, 1], "None is not a number"),
    "logits": ([-1.7, 1.8], "not between 0 and 1"),
    "percent": ([3, 97], "not between 0 and 1"),
    "sigmoids": ([0.9, 0.97], r"sum to 1\.87, not to 1"),
    "three numbers": ([0.1, 0.2, 0.7], "3 probabilities, but the model has 2 classes"),
    "one number": ([0.97], "1 probability, but"),
    "the number of a class": ([1], "1 probability, but"),
    "two rows": ([[0.03, 0.97], [0.5, 0.5]], "2 rows"),
    "a column": ([[0.03], [0.97]], "2 rows"),
    "other labels": (
        {"cat": 0.97, "dog": 0.03},
        "about cat, dog, but the classes of the model are bicycle",
    ),
    "one other label": ({"probabilities": [0.97, 0.03], "labels": ["motorcycle", "car"]}, "about motorcycle, car"),
    "a label twice": ({"probabilities": [0.97, 0.03], "labels": ["bicycle", "Bicycle"]}, "name a class twice"),
    "too few labels": ({"probabilities": [0.5, 0.3, 0.2], "labels": ["bicycle", "motorcycle"]}, "2 labels for 3"),
    "places from 1": ({"probabilities": [0.97, 0.03], "labels": [2, 1]}, "about 2, 1"),
    "boolean labels": ({"probabilities": [0.97, 0.03], "labels": [True, False]}, "label true is neither"),
    "only the best class": ({"label": "motorcycle", "score": 0.97}, "only 1 of 2 classes"),
    "a contradiction": ({"probabilities": [0.97, 0.03], "predicted_label": "motorcycle"}, "in another order"),
    "a contradiction by place": ({"predictions": [{"probabilities": [0.97, 0.03], "class_ids": [1]}]}, "another order"),
    "an unknown prediction": ({"probabilities": [0.03, 0.97], "predicted_label": "car"}, "about car"),
    "two different rows": ({"probs": [0.03, 0.97], "softmax": [0.97, 0.03]}, "2 different ones"),
    "two rows with other labels": (
        {"probs": {"bicycle": 0.03, "motorcycle": 0.97}, "softmax": {"bicycle": 0.97, "motorcycle": 0.03}},
        "2 different ones",
    ),
    "a box": ({"class": "motorcycle", "confidence": 0.97, "bbox": [0.03, 0.97]}, "only 1 of 2 classes"),
    "an embedding": ({"embedding": [0.03, 0.97], "id": "7"}, "the object has embedding, id"),
    "places only": ({"outputs": [PLACES]}, "no tensor has floating-point numbers"),
    "a tensor of two rows": ({"outputs": [V2 | {"shape": [2, 1]}]}, "not one row"),
    "a tensor with another shape": ({"outputs": [V2 | {"shape": [1, 3]}]}, "not its shape"),
    "two tensors": ({"outputs": [V2 | {"name": "a"}, V2 | {"name": "b"}]}, "2 tensors"),
    "binary data": ({"outputs": [{"name": "p", "datatype": "FP32", "shape": [1, 2]}]}, "no data in the JSON"),
    "nothing": ({}, "the object has nothing"),
    "an empty list": ([], "it is empty"),
}


@pytest.mark.parametrize(("value", "problem"), NO_PROBABILITIES.values(), ids=NO_PROBABILITIES.keys())
def test_answer_without_one_probability_per_class_is_refused_with_a_reason(value: Any, problem: str) -> None:
    with pytest.raises(InvalidAnswer, match=problem):
        read(json.dumps(value))


@pytest.mark.parametrize(
    "text", ["[NaN, 1]", "[Infinity, 0]", "[1e999, 0]", f"[1{'0' * 5000}, 0]", "{", "", "0.03;0.97"]
)
def test_numbers_that_are_not_finite_and_other_texts_are_refused(text: str) -> None:
    with pytest.raises(InvalidAnswer):
        read(text)


@pytest.mark.parametrize("depth", [20, 100, 1_000, 100_000])
@pytest.mark.parametrize("brackets", [("[", "]"), ('{"predictions":', "}"), ('[{"a":', "}]")])
def test_deeply_nested_answer_is_refused(brackets: tuple[str, str], depth: int) -> None:
    with pytest.raises(InvalidAnswer):
        read(brackets[0] * depth + "[0.03, 0.97]" + brackets[1] * depth)


@pytest.mark.parametrize(
    ("text", "content_type"),
    [
        ("0.03,0.97\n", "text/csv"), ("0.03, 0.97", "text/csv; charset=utf-8"),
        ("motorcycle,bicycle\n0.97,0.03", "text/csv"),
        ("[0.03, 0.97]", "text/csv"), ("[0.03, 0.97]", "text/html"), ("\ufeff[0.03, 0.97]", "application/json"),
        ("0.03,0.97", "text/plain"), ('{"predictions": [[0.03, 0.97]]}\n', "application/jsonlines"),
    ],
)  # fmt: skip
def test_notation_follows_the_content_type(text: str, content_type: str) -> None:
    assert read(text, content_type) == EXPECTED


@pytest.mark.parametrize("text", ["0.03,x", "1_0,0", "0.03\n0.97", "0.03,nan", "", "true,false", "car,van\n0.97,0.03"])
def test_csv_without_one_row_of_numbers_is_refused(text: str) -> None:
    with pytest.raises(InvalidAnswer):
        read(text, "text/csv")


def test_npy_is_read_without_objects() -> None:
    for array, ok in ((np.array([[0.03, 0.97]]), True), (np.array([{}, {}], object), False), (np.ones((2, 2)), False)):
        file = io.BytesIO()
        np.save(file, array)
        if ok:
            assert read_answer(file.getvalue(), "application/x-npy").for_classes(CLASSES, "x") == EXPECTED
        else:
            with pytest.raises(InvalidAnswer):
                read_answer(file.getvalue(), "application/x-npy")


def test_most_probable_classes_are_enough_if_they_sum_to_1() -> None:
    classes = ("car", *CLASSES)
    assert read(BY_NAME, classes=classes) == (0.0, *EXPECTED)
    with pytest.raises(InvalidAnswer, match=r"sum to 0\.9, not to 1: it has only 2 of 3 classes"):
        read({"motorcycle": 0.87, "bicycle": 0.03}, classes=classes)


@given(st.permutations(range(5)), st.lists(st.integers(1, 50), min_size=5, max_size=5))
def test_labels_decide_in_any_order(order: list[int], counts: list[int]) -> None:
    """The five formats that carry labels agree with each other, whatever the order."""
    names = ("a", "b", "c", "d", "e")
    row = [count / sum(counts) for count in counts]
    labels, numbers = [names[place] for place in order], [row[place] for place in order]
    for value in (
        dict(zip(labels, numbers, strict=True)),
        {"labels": labels, "probabilities": numbers},
        [{"label": label, "score": number} for label, number in zip(labels, numbers, strict=True)],
        {"results": [[[label, number] for label, number in zip(labels, numbers, strict=True)]]},
        {"indices": list(order), "values": numbers},
    ):
        assert read(value, classes=names) == tuple(row)


# Both sides of the system, for every answer above, read or refused.
ANSWERS = [*FORMATS.values(), *(value for value, _ in NO_PROBABILITIES.values())]


@pytest.mark.parametrize("encoding", ["JSON", "BASE64"])
def test_classifying_and_monitoring_read_the_same(tmp_path: Path, encoding: str) -> None:
    start = datetime(2026, 1, 31, 20, tzinfo=UTC)
    lines, classified = [], []
    for number, value in enumerate(ANSWERS):
        text = json.dumps(value)
        data = base64.b64encode(text.encode()).decode() if encoding == "BASE64" else text
        lines.append(sagemaker_line(str(number), data, encoding))
        endpoint = EndpointClassifier("endpoint://scones", CLASSES, 0.9, client=Client(text.encode()))
        try:
            classified.append(endpoint.predict(b"x", "image/png"))
        except InvalidResponse:
            classified.append(None)
    storage.write_bytes(tmp_path / "scones/AllTraffic/2026/01/31/20/13-58-123-0.jsonl", "\n".join(lines).encode())
    end = start.replace(hour=21)
    model = watch_endpoint("endpoint://scones", CLASSES, 0.9, tmp_path, start, end)
    report = build_report(read_window(model, tmp_path, start, end))
    assert report.events == sum(row is not None for row in classified) == len(FORMATS)
    assert report.per_class["motorcycle"].events == len(FORMATS)
    assert report.bad_lines == len(NO_PROBABILITIES)


def test_labelled_cases_of_the_shared_data(shared_data: Callable[[str], Path]) -> None:
    cases = json.loads((shared_data("cases/images") / "endpoint_answers.json").read_text())
    assert read(cases["labels in another order"]) == (0.03, 0.97)
    for name in ("a JSON string", "booleans"):
        with pytest.raises(InvalidAnswer):
            read(json.dumps(cases[name]))


def test_whole_numbers_are_probabilities() -> None:
    """JavaScript writes 1.0 as 1."""
    assert read([0, 1]) == (0.0, 1.0)
