"""Requests made up from the service's own OpenAPI document: none ends in a fault of the service's own."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, settings

pytest.importorskip("fastapi")
pytest.importorskip("schemathesis")
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from glyphfront.serve.app import create_app
from glyphfront.serve.settings import Settings
from serving import served

DOCUMENT = schemathesis.openapi.from_dict(create_app(Settings()).openapi())


@pytest.fixture(scope="module")
def service() -> Any:
    with served() as (address, _):
        yield address


@DOCUMENT.parametrize()
@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_made_up_requests_get_answers_that_the_document_describes(case: Any, service: str) -> None:
    case.call_and_validate(
        base_url=service, checks=[not_a_server_error, status_code_conformance, response_schema_conformance]
    )
