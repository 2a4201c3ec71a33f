"""The API keeps what its own description promises, whatever is sent; schemathesis makes the requests."""

from __future__ import annotations

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from inference import Catalogue
from inference.settings import Settings
from tests.fakes import FakeClassifier
from tests.stress.reading import find_fault
from ui.web.server import build_app

schema = schemathesis.openapi.from_asgi(
    "/openapi.json", build_app(Catalogue.of(FakeClassifier()), Settings(metrics=True))
)


@schema.parametrize()
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_described(case: Case) -> None:
    checks = [not_a_server_error, content_type_conformance, response_schema_conformance, status_code_conformance]
    answer = case.call_and_validate(checks=checks)
    assert len(answer.headers["x-request-id"][0]) >= 1
    if case.path == "/api/classify" and answer.status_code in (413, 422, 500):
        sentence = answer.json()["error"]
        assert not find_fault(sentence[:1].upper() + sentence[1:]), "a rule may begin with a parameter's name"
