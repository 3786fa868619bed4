"""The API does what its description says, whatever it is sent: schemathesis on a database with runs in it."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from server.api.lab import SECRET, Lab, bearer, lab
from server.makers import announcement, batch, finish, line, spec, spectrum, steps, trace

EXAMPLES = 6  # of each operation, beside the thousand and more that the edges of its schema suggest
# Where a request may fit its schema and still make no sense: names of what there is, cursors, paths.
JUDGED = [
    {"include-path": "/api/v1/jobs"},
    {"include-path": "/api/v1/tokens"},
    {"include-path": "/api/v1/runs", "include-method": "GET"},
    {"include-path": "/api/v1/jobs/{run_id}/set"},
    {"include-path": "/api/v1/runs/{run_id}/metrics"},
    {"include-path": "/api/v1/runs/{run_id}/finish"},
    {"include-path": "/api/v1/runs/{run_id}/records"},
    {"include-path": "/api/v1/workers", "include-method": "POST"},
    {"include-path": "/api/v1/figures/{name}"},
    {"include-path-regex": "artifacts/"},
    {"include-path-regex": "runs/(groups|sparklines|table|actions)"},
]
SENSELESS = {"positive_data_acceptance": {"expected-statuses": ["2xx", 400, 404, 409, 422]}}
CONFIGURATION = {
    "seed": 20,
    "continue-on-failure": True,
    "headers": bearer(SECRET),
    "generation": {"max-examples": EXAMPLES, "database": "none", "deterministic": True},
    "phases": {
        "stateful": {"enabled": False}
    },  # the lifecycle has a state machine of its own, and tests for it
    "operations": [which | {"checks": SENSELESS} for which in JUDGED],
}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("lab"), allowed_hosts=("testserver",)) as made:
        yield made


@pytest.fixture(scope="module")
def runs(guarded: Lab) -> list[str]:
    """A queued run, a running, one with everything recorded, and a failed one."""
    store = guarded.store
    worker = store.add_worker(announcement())
    ids = [store.add_job(spec(name=f"run {number}"))[0].id for number in range(4)]
    for _ in ids[:3]:
        store.claim_job(worker)
    recorded, failed = ids[:2]
    store.append(recorded, steps(1, 20, cg_stop="tolerance", accepted=True, odd=float("nan")))
    store.append(
        recorded,
        batch(cg=[trace(1)], spectra=[spectrum(1)], logs=[line(0), line(1)], environment={"host": "x"}),
    )
    store.finish(recorded, finish())
    store.finish(failed, finish("failed", error="It diverged.", cause="diverged"))
    return ids


def name_what_is_there(case: Any, runs: list[str]) -> None:
    """Have requests name runs that there are, and no long poll wait."""
    parameters = case.path_parameters or {}
    if "run_id" in parameters:
        parameters["run_id"] = runs[len(str(parameters["run_id"])) % len(runs)]
    wait = case.body.get("wait_seconds") if isinstance(case.body, dict) else None
    if type(wait) in (int, float) and 0 <= wait <= 30:
        case.body["wait_seconds"] = 0


def is_true_for_one(check: str, message: str, request: str) -> bool:
    """`true` where a number belongs, or 0 where a flag does: taken for the other one, as everywhere in Python."""
    mistaken = check == "negative_data_rejection" and re.search("Incorrect type|violates `type`", message)
    return bool(mistaken) and re.search(r'": (true|false|0|1)\b', request) is not None


# An event stream is an answer without an end; test_event_stream.py reads it.
@pytest.mark.timeout(120)
def test_every_answer_is_as_described(guarded: Lab, runs: list[str]) -> None:
    schema: Any = schemathesis.openapi.from_dict(
        guarded.app.openapi(), config=SchemathesisConfig.from_dict(CONFIGURATION)
    ).exclude(path="/api/v1/events")
    schema.app = guarded.app

    @schema.hook
    def map_case(context, case):
        name_what_is_there(case, runs)
        return case

    requests, operations, checks, failures = 0, set(), set(), []
    for event in from_schema(schema).execute():
        assert not isinstance(event, events.NonFatalError | events.FatalError), event
        if not isinstance(event, events.ScenarioFinished):
            continue
        requests += len(event.recorder.interactions)
        operations.add(event.recorder.label)
        for check in (check for found in event.recorder.checks.values() for check in found):
            checks.add(check.name)
            if check.failure_info is not None:
                failure, request = check.failure_info.failure, check.failure_info.code_sample
                if not is_true_for_one(check.name, failure.message, request):
                    failures.append(
                        f"{event.recorder.label}: {check.name}: {failure.title}: {failure.message}\n{request}"
                    )
    assert not failures, "\n\n".join(dict.fromkeys(failures))
    described = {
        f"{method.upper()} {path}"
        for path, methods in guarded.app.openapi()["paths"].items()
        for method in methods
    }
    assert described - operations == {"GET /api/v1/events"}
    assert requests > 1_000
    assert checks >= {
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
        "negative_data_rejection",
        "positive_data_acceptance",
        "ignored_auth",
        "unsupported_method",
    }
