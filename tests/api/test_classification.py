"""Payloads of the original services get their responses, with probabilities. An invalid image affects no other."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from sightline.registry import Registry
from tests.api.serving import BRIGHT, DARK, Running, serving, settings_for
from tests.familiarity import bars, publish_with_familiarity
from tests.images import encoded, grey, image_file

MIDDLE = b64encode(grey(128)).decode()


def post(client: httpx.Client, path: str, payload: Any) -> dict[str, Any]:
    response = client.post(path, json=payload)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


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
def test_all_payload_formats_get_the_same_response(payload: dict[str, Any], client: httpx.Client) -> None:
    assert post(client, "/classify", payload)["predictions"] == ["bicycle", "motorcycle"]
    assert post(client, "/posture", payload)["predictions"] == ["left", "right"]
    response = post(client, "/predict", payload)
    assert response["statusCode"] == 200
    assert json.loads(response["body"]) == post(client, "/posture", payload)


def test_image_has_probabilities_and_an_outcome(client: httpx.Client) -> None:
    response = post(client, "/classify", {"images": [DARK, MIDDLE]})
    assert (response["model"], response["classes"], response["threshold"]) == (
        "vehicles/1",
        ["bicycle", "motorcycle"],
        0.93,
    )
    certain, uncertain = response["images"]
    assert certain["class"] == "bicycle"
    assert certain["inferences"] == [certain["probabilities"]["bicycle"], certain["probabilities"]["motorcycle"]]
    assert sum(certain["inferences"]) == pytest.approx(1)
    assert certain["confidence"] == max(certain["inferences"]) > 0.99
    assert (certain["outcome"], certain["reason"]) == ("accepted", None)
    assert (uncertain["outcome"], uncertain["reason"]) == ("low_confidence", "THRESHOLD_CONFIDENCE_NOT_MET")


@pytest.mark.parametrize("strange", [grey(0), grey(255), image_file(1), image_file(2, (200, 90), "JPEG")])
def test_image_of_an_unknown_kind_is_uncertain(strange: bytes, tmp_path: Path) -> None:
    publish_with_familiarity(Registry(tmp_path, builtin=tmp_path / "none"))
    known = encoded(Image.fromarray(bars(1, 3)[0]))
    with serving(settings_for(tmp_path, api_models=("vehicles",))) as service:
        payload = {"images": [b64encode(data).decode() for data in (known, strange, b"")]}
        response = post(service.client, "/classify", payload)
    assert response["familiarity_checked"] is True
    first, second, empty = response["images"]
    assert (first["outcome"], first["reason"]) == ("accepted", None)
    assert first["strangeness"] <= 1 < second["strangeness"]
    assert (second["outcome"], second["reason"]) == ("low_confidence", "OUT_OF_DISTRIBUTION")
    assert second["confidence"] > 0.99
    assert (empty["outcome"], empty["strangeness"]) == ("rejected", None)


def test_response_says_that_nothing_checks_the_kind(client: httpx.Client) -> None:
    response = post(client, "/classify", {"images": [DARK]})
    assert response["familiarity_checked"] is False
    assert response["images"][0]["strangeness"] is None


def test_single_object_has_the_original_fields_at_top_level(client: httpx.Client) -> None:
    response = post(client, "/classify", {"image_data": DARK, "s3_bucket": "", "s3_key": ""})
    assert response["inferences"] == response["images"][0]["inferences"]
    assert (response["image_data"], response["s3_bucket"], response["s3_key"]) == ("", "", "")
    assert "inferences" not in post(client, "/classify", {"images": [DARK]})


def test_invalid_image_is_rejected_and_the_others_classified(running: Running) -> None:
    before = running.metric("images_rejected_total", reason="bad_base64")
    response = post(running.client, "/posture", {"images": [DARK, "no base64!", BRIGHT, b64encode(b"text").decode()]})
    assert response["predictions"] == ["left", None, "right", None]
    assert [image["reason"] for image in response["images"]] == [None, "bad_base64", None, "not_an_image"]
    assert response["images"][1]["probabilities"] is None
    assert "not base64" in response["images"][1]["detail"]
    assert running.metric("images_rejected_total", reason="bad_base64") == before + 1


def test_request_without_usable_image_gets_the_first_reason(client: httpx.Client) -> None:
    response = client.post("/classify", json={"images": ["no base64!", b64encode(b"text").decode()]})
    assert (response.status_code, response.headers["Content-Type"]) == (400, "application/problem+json")
    problem = response.json()
    assert problem["reason"] == "bad_base64"
    assert problem["detail"].startswith("inline:0: ")
    assert [image["reason"] for image in problem["images"]] == ["bad_base64", "not_an_image"]


@pytest.mark.parametrize(
    "payload", [{}, {"images": []}, {"model": "posture"}, {"body": "{}"}, {"body": 7}, {"s3_key": ""}]
)
def test_payload_without_images_gets_the_valid_formats(payload: dict[str, Any], client: httpx.Client) -> None:
    for path in ("/classify", "/posture"):
        response = client.post(path, json=payload)
        assert (response.status_code, response.json()["reason"]) == (400, "no_images")
        assert "image_urls" in response.json()["detail"]
    lambda_response = client.post("/predict", json=payload)
    assert lambda_response.status_code == lambda_response.json()["statusCode"] == 400
    assert json.loads(lambda_response.json()["body"])["reason"] == "no_images"


def test_model_and_version_can_be_selected(client: httpx.Client) -> None:
    assert post(client, "/classify?model=posture", {"images": [DARK]})["model"] == "posture/1"
    assert post(client, "/classify?model=posture/1", {"images": [DARK]})["predictions"] == ["left"]
    assert json.loads(post(client, "/predict?model=vehicles", {"images": DARK})["body"])["predictions"] == ["bicycle"]


def test_model_can_be_selected_in_the_body(client: httpx.Client) -> None:
    assert post(client, "/classify", {"images": [DARK], "model": "posture/1"})["model"] == "posture/1"
    assert post(client, "/classify", {"body": {"images": [DARK], "model": "posture"}})["predictions"] == ["left"]
    lambda_response = post(client, "/predict", {"images": [DARK], "model": "vehicles"})
    assert json.loads(lambda_response["body"])["model"] == "vehicles/1"
    assert post(client, "/classify?model=posture", {"images": [DARK], "model": "posture"})["model"] == "posture/1"


@pytest.mark.parametrize("path", ["/classify", "/posture", "/predict"])
@pytest.mark.parametrize(
    ("payload", "status", "text"),
    [
        ({"images": [DARK], "model": "nonsense"}, 404, "'nonsense' is not served"),
        ({"images": [DARK], "modle": "posture"}, 422, "body.modle: is not a known field. Did you mean model?"),
        ({"instances": [1]}, 422, "body.instances: is not a known field"),
        ({"body": json.dumps({"images": [DARK], "treshold": 1})}, 422, "body.body.treshold"),
        ({"images": [DARK, {"image_data": DARK, "label": "x"}]}, 422, "body.images.1.label"),
        ({"images": {"image_date": DARK}}, 422, "body.images.0.image_date: is not a known field. Did you mean"),
        ({"images": [DARK], "model": 7}, 422, "body.model: 7 is not the name of a model"),
        ({"body": {"images": [DARK], "model": "posture"}, "model": "vehicles"}, 422, "names both"),
    ],
)
def test_unknown_model_or_field_is_refused_by_name(
    path: str, payload: dict[str, Any], status: int, text: str, client: httpx.Client
) -> None:
    response = client.post(path, json=payload)
    problem = json.loads(response.json()["body"]) if path == "/predict" else response.json()
    assert (response.status_code, text in problem["detail"]) == (status, True), problem


def test_fields_of_a_gateway_s_event_are_known(client: httpx.Client) -> None:
    event = {"version": "2.0", "routeKey": "$default", "rawPath": "/", "headers": {}, "requestContext": {"http": {}}}
    assert post(client, "/predict", event | {"body": json.dumps({"images": [DARK]})})["statusCode"] == 200


@pytest.mark.parametrize(
    ("path", "payload"),
    [("/classify", {"images": [DARK]}), ("/lower-body", {"image_base64": DARK}), ("/posture", {"images": [DARK]})],
)
def test_unknown_query_parameter_is_refused(path: str, payload: dict[str, Any], client: httpx.Client) -> None:
    response = client.post(path, params={"modle": "posture"}, json=payload)
    assert (response.status_code, "query.modle" in response.json()["detail"]) == (422, True)


def test_photo_with_an_unknown_field_is_refused(client: httpx.Client) -> None:
    response = client.post("/image-ranking/running-style", json={"image_base64": DARK, "modle": "x"})
    assert (response.status_code, "body.modle" in response.json()["detail"]) == (422, True)
    response = client.post("/image-ranking/running-style", json={"image_base64": DARK, "model": "vehicles"})
    assert (response.status_code, response.json()["reason"]) == (422, "wrong_task")


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
def test_model_that_is_not_served_is_rejected_by_name(
    model: str, status: int, reason: str, client: httpx.Client
) -> None:
    response = client.post("/classify", params={"model": model}, json={"images": [DARK]})
    assert (response.status_code, response.json()["reason"]) == (status, reason)
    assert repr(model) in response.json()["detail"] or "running-style/1" in response.json()["detail"]


def test_half_a_surrogate_pair_is_returned(client: httpx.Client) -> None:
    """JSON can contain it, UTF-8 cannot."""
    text = b'{"images": ["\\ud800"], "image_urls": ["https://\\udfff/"]}'
    response = client.post("/classify", content=text, headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    text = b'{"images": [{"s3_bucket": "\\ud800", "s3_key": "\\ud800"}, "%s"]}' % DARK.encode()
    response = client.post("/classify", content=text, headers={"Content-Type": "application/json"})
    assert response.json()["predictions"] == [None, "bicycle"]


def test_predictions_are_in_the_order_of_the_images(client: httpx.Client) -> None:
    images = [DARK, BRIGHT, BRIGHT, DARK, BRIGHT, DARK, DARK]
    predictions = post(client, "/classify", {"images": images})["predictions"]
    assert predictions == ["bicycle" if image == DARK else "motorcycle" for image in images]
