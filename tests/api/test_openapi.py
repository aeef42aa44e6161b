"""The OpenAPI document is correct, and no request that it allows, or nearly allows, makes the service fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api import create_app
from tests.api.serving import Running, settings_for

DOCUMENT = create_app(settings_for(Path("nowhere"))).openapi()
schema = schemathesis.openapi.from_dict(DOCUMENT)


@pytest.mark.slow
@schema.parametrize()
@hypothesis.settings(
    max_examples=10,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_requests_that_the_document_allows_do_not_fail(case: Any, running: Running) -> None:
    response = case.call(base_url=running.url)
    case.validate_response(
        response,
        checks=[not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance],
    )


def test_examples_of_the_document_get_a_response(running: Running) -> None:
    count = 0
    for path, operations in DOCUMENT["paths"].items():
        content = operations.get("post", {}).get("requestBody", {}).get("content", {})
        for name, example in content.get("application/json", {}).get("examples", {}).items():
            response = running.client.post(path, json=example["value"])
            needs_fetch = name in ("URLs", "an object in S3")  # nothing is fetched by default
            assert response.status_code == (403 if needs_fetch else 404 if path == "/lower-body" else 200), (path, name)
            count += 1
    assert count == 16


def test_operations_have_summary_description_and_tags() -> None:
    for path, operations in DOCUMENT["paths"].items():
        for operation in operations.values():
            assert operation["summary"], path
            assert operation["description"], path
            assert operation["tags"], path
    assert "HTTPValidationError" not in DOCUMENT["components"]["schemas"]
    problems = DOCUMENT["paths"]["/classify"]["post"]["responses"]["422"]["content"]
    assert list(problems) == ["application/problem+json"]
