"""The original services' payloads get the original answers, with probabilities, and a bad image harms no other."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import httpx
import pytest

from tests.api.serving import BRIGHT, DARK, Running
from tests.images import grey

MIDDLE = b64encode(grey(128)).decode()


def posted(client: httpx.Client, path: str, payload: Any) -> dict[str, Any]:
    answer = client.post(path, json=payload)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize(
    "payload",
    [
        {"images": [DARK, BRIGHT]},
        {"images": [{"image_data": DARK}, {"image_data": f"data:image/png;base64,{BRIGHT}"}]},
        {"body": {"images": [DARK, BRIGHT]}},
        {"body": json.dumps({"images": [DARK, BRIGHT]})},
        {"body": b64encode(json.dumps({"images": [DARK, BRIGHT]}).encode()).decode(), "isBase64Encoded": True},
        {"images": [DARK, BRIGHT], "image_urls": [], "headers": {"a": 1}},
    ],
)
def test_every_form_of_a_payload_is_answered_alike(payload: dict[str, Any], client: httpx.Client) -> None:
    assert posted(client, "/classify", payload)["predictions"] == ["bicycle", "motorcycle"]
    assert posted(client, "/posture", payload)["predictions"] == ["left", "right"]
    answer = posted(client, "/predict", payload)
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"]) == posted(client, "/posture", payload)


def test_each_image_has_its_probabilities_and_how_it_is_judged(client: httpx.Client) -> None:
    answer = posted(client, "/classify", {"images": [DARK, MIDDLE]})
    assert (answer["model"], answer["classes"], answer["threshold"]) == ("vehicles/1", ["bicycle", "motorcycle"], 0.93)
    sure, unsure = answer["images"]
    assert sure["class"] == "bicycle"
    assert sure["inferences"] == [sure["probabilities"]["bicycle"], sure["probabilities"]["motorcycle"]]
    assert sum(sure["inferences"]) == pytest.approx(1)
    assert sure["confidence"] == max(sure["inferences"]) > 0.99
    assert (sure["outcome"], sure["reason"]) == ("accepted", None)
    assert (unsure["outcome"], unsure["reason"]) == ("low_confidence", "THRESHOLD_CONFIDENCE_NOT_MET")


def test_one_object_is_answered_with_the_original_s_fields_at_the_top(client: httpx.Client) -> None:
    answer = posted(client, "/classify", {"image_data": DARK, "s3_bucket": "", "s3_key": ""})
    assert answer["inferences"] == answer["images"][0]["inferences"]
    assert (answer["image_data"], answer["s3_bucket"], answer["s3_key"]) == ("", "", "")
    assert "inferences" not in posted(client, "/classify", {"images": [DARK]})


def test_a_bad_image_among_good_ones_is_its_own_problem_alone(running: Running) -> None:
    before = running.metric("images_rejected_total", reason="bad_base64")
    answer = posted(running.client, "/posture", {"images": [DARK, "no base64!", BRIGHT, b64encode(b"text").decode()]})
    assert answer["predictions"] == ["left", None, "right", None]
    assert [image["reason"] for image in answer["images"]] == [None, "bad_base64", None, "not_an_image"]
    assert answer["images"][1]["probabilities"] is None
    assert "not base64" in answer["images"][1]["detail"]
    assert running.metric("images_rejected_total", reason="bad_base64") == before + 1


def test_where_no_image_can_be_used_the_answer_is_the_first_one_s_reason(client: httpx.Client) -> None:
    answer = client.post("/classify", json={"images": ["no base64!", b64encode(b"text").decode()]})
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")
    problem = answer.json()
    assert problem["reason"] == "bad_base64"
    assert problem["detail"].startswith("inline:0: ")
    assert [image["reason"] for image in problem["images"]] == ["bad_base64", "not_an_image"]


@pytest.mark.parametrize(
    "payload", [{}, {"images": []}, {"instances": [1]}, {"body": "{}"}, {"body": 7}, {"s3_key": ""}]
)
def test_a_payload_without_images_says_what_it_may_hold(payload: dict[str, Any], client: httpx.Client) -> None:
    for path in ("/classify", "/posture"):
        answer = client.post(path, json=payload)
        assert (answer.status_code, answer.json()["reason"]) == (400, "no_images")
        assert "image_urls" in answer.json()["detail"]
    lambda_answer = client.post("/predict", json=payload)
    assert lambda_answer.status_code == lambda_answer.json()["statusCode"] == 400
    assert json.loads(lambda_answer.json()["body"])["reason"] == "no_images"


def test_any_model_may_be_named_and_a_version_of_it(client: httpx.Client) -> None:
    assert posted(client, "/classify?model=posture", {"images": [DARK]})["model"] == "posture/1"
    assert posted(client, "/classify?model=posture/1", {"images": [DARK]})["predictions"] == ["left"]
    assert json.loads(posted(client, "/predict?model=vehicles", {"images": DARK})["body"])["predictions"] == ["bicycle"]


@pytest.mark.parametrize(
    ("model", "status", "reason"),
    [
        ("nobody", 404, "model_not_served"),
        ("vehicles/9", 404, "model_not_served"),
        ("../vehicles", 404, "model_not_served"),
        ("", 404, "model_not_served"),
        ("running-style", 422, "wrong_task"),
    ],
)
def test_a_model_that_cannot_answer_is_named(model: str, status: int, reason: str, client: httpx.Client) -> None:
    answer = client.post("/classify", params={"model": model}, json={"images": [DARK]})
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)
    assert repr(model) in answer.json()["detail"] or "running-style/1" in answer.json()["detail"]


def test_half_a_surrogate_pair_comes_back_as_text(client: httpx.Client) -> None:
    """JSON can hold what UTF-8 cannot."""
    text = b'{"images": ["\\ud800"], "image_urls": ["https://\\udfff/"]}'
    answer = client.post("/classify", content=text, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    text = b'{"images": [{"s3_bucket": "\\ud800", "s3_key": "\\ud800"}, "%s"]}' % DARK.encode()
    answer = client.post("/classify", content=text, headers={"Content-Type": "application/json"})
    assert answer.json()["predictions"] == [None, "bicycle"]


def test_pictures_are_answered_in_the_order_that_they_were_sent_in(client: httpx.Client) -> None:
    images = [DARK, BRIGHT, BRIGHT, DARK, BRIGHT, DARK, DARK]
    found = posted(client, "/classify", {"images": images})["predictions"]
    assert found == ["bicycle" if image == DARK else "motorcycle" for image in images]
