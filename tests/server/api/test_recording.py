"""What runs send, and what is read of it: numbers survive as they are."""

import csv
import io
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet
import pytest

from hessianfree_lab.api.assets import PLOTLY_URL
from hessianfree_lab.api.parquet import write_parquet
from hessianfree_lab.errors import DatabaseUnavailable
from hessianfree_lab.records import StepRecord
from hessianfree_lab.store import Store
from server.api.in_process import InProcess
from server.makers import NOON, batch, line, spec, spectrum, step, trace

RUNS = "/api/v1/runs"


@pytest.fixture
def run(http: InProcess) -> str:
    """A script's run with three steps; nothing about them is ordinary."""
    created = http.post(RUNS, json={"name": "mine", "steps": 10, "config": {"rate": 0.1}})
    assert created.status_code == 201
    run = created.json()["id"]
    assert created.headers["location"] == f"{RUNS}/{run}"
    sent = batch(
        step(1, accepted=True, cg_stop="tolerance", gradient_equivalents=2),
        step(2, loss=math.nan, accepted=False, gradient_equivalents=3),
        step(3, loss=math.inf, note=None),
        cg=[trace(2, model_values=[0.0, -math.inf])],
        spectra=[spectrum(1, largest_error=math.inf), spectrum(3)],
        logs=[line(0, "<b>&"), line(1)],
        environment={"odd": math.nan},
    )
    answer = http.post(f"{RUNS}/{run}/records", content=sent.model_dump_json())
    assert (answer.status_code, answer.json()) == (200, {"last_step": 3, "commands": []})
    return run


def test_what_is_not_finite_travels_as_text(http: InProcess, run: str) -> None:
    shown = http.get(f"{RUNS}/{run}").json()
    assert shown["summary"]["loss"] == {
        "first": 1.0,
        "last": "Infinity",
        "min": 1.0,
        "max": 1.0,
        "best_step": 1,
    }
    assert shown["environment"] == {"odd": "NaN"}
    assert http.get(RUNS).json()["items"] == [shown]
    assert http.get(f"{RUNS}/{run}/steps/2/cg").json()["model_values"] == [0.0, "-Infinity"]


def test_spectra_are_listed_and_read(http: InProcess, run: str) -> None:
    assert http.get(f"{RUNS}/{run}/spectra").json() == {"steps": [1, 3]}
    shown = http.get(f"{RUNS}/{run}/steps/1/spectrum").json()
    assert (shown["nodes"], shown["weights"], shown["matrix"]) == ([-1.0, 3.0], [0.5, 0.5], "hessian")
    assert (shown["largest_error"], shown["trace_error"]) == ("Infinity", None)


def test_metrics_may_be_sent_beside_the_step(http: InProcess, run: str) -> None:
    body = '{"steps": [{"step": 4, "loss": "-Infinity", "mine": 2.5}]}'
    assert http.post(f"{RUNS}/{run}/records", content=body).json()["last_step"] == 4
    answer = http.get(f"{RUNS}/{run}/metrics?names=loss,mine&start=4").json()
    assert answer["series"] == {"loss": ["-Infinity"], "mine": [2.5]}


def test_series(http: InProcess, run: str) -> None:
    assert http.get(f"{RUNS}/{run}/metrics").json() == {
        "x": {"name": "step", "values": [1, 2, 3]},
        "series": {"gradient_equivalents": [2, 3, None], "loss": [1.0, "NaN", "Infinity"]},
        "total": 3,
        "sampled": False,
    }
    ranged = http.get(
        f"{RUNS}/{run}/metrics?names=accepted,cg_stop&x=gradient_equivalents&start=2&stop=2"
    ).json()
    assert ranged["x"] == {"name": "gradient_equivalents", "values": [5]}
    assert ranged["series"] == {"accepted": [False], "cg_stop": [None]}


def test_csv_has_every_row_and_column(http: InProcess, run: str) -> None:
    answer = http.get(f"{RUNS}/{run}/metrics.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="{run}.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert rows[0] == {
        "step": "1",
        "wall_time": "2026-03-01T12:00:01Z",
        "seconds": "0.5",
        "accepted": "true",
        "cg_stop": "tolerance",
        "gradient_equivalents": "2",
        "loss": "1.0",
    }
    assert [row["loss"] for row in rows] == ["1.0", "NaN", "Infinity"]
    assert [row["accepted"] for row in rows] == ["true", "false", ""]


def test_jsonl_can_be_sent_again(http: InProcess, run: str) -> None:
    answer = http.get(f"{RUNS}/{run}/metrics.jsonl")
    records = [json.loads(text) for text in answer.text.splitlines()]
    assert records[1] == {
        "step": 2,
        "wall_time": "2026-03-01T12:00:02Z",
        "seconds": 1.0,
        "accepted": False,
        "gradient_equivalents": 3,
        "loss": "NaN",
    }
    copy = http.post(RUNS, json={"name": "copy"}).json()["id"]
    assert http.post(f"{RUNS}/{copy}/records", json={"steps": records}).json()["last_step"] == 3
    assert http.get(f"{RUNS}/{copy}/metrics.jsonl").text == answer.text


def test_parquet_has_types(http: InProcess, run: str) -> None:
    answer = http.get(f"{RUNS}/{run}/metrics.parquet")
    table = pyarrow.parquet.read_table(io.BytesIO(answer.content))
    assert {field.name: str(field.type) for field in table.schema} == {
        "step": "int64",
        "wall_time": "timestamp[us, tz=UTC]",
        "seconds": "double",
        "accepted": "bool",
        "cg_stop": "string",
        "gradient_equivalents": "double",
        "loss": "double",
    }
    columns = table.to_pydict()
    assert columns["wall_time"][0] == NOON.replace(second=1)
    assert columns["gradient_equivalents"] == [2.0, 3.0, None]
    assert math.isnan(columns["loss"][1])
    assert columns["loss"][2] == math.inf


def test_parquet_fails_as_the_store_does(tmp_path: Path) -> None:
    def records() -> Iterator[StepRecord]:
        yield step(1)
        raise DatabaseUnavailable("The database is away.")

    with pytest.raises(DatabaseUnavailable):
        write_parquet(tmp_path / "run.parquet", {}, records())


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_run_without_steps_makes_an_empty_file(http: InProcess, suffix: str) -> None:
    run = http.post(RUNS, json={"name": "empty"}).json()["id"]
    answer = http.get(f"{RUNS}/{run}/metrics.{suffix}")
    assert answer.status_code == 200
    if suffix == "csv":
        assert answer.text == "step,wall_time,seconds\n"


def test_logs_as_records_and_as_text(http: InProcess, run: str) -> None:
    first = http.get(f"{RUNS}/{run}/logs?limit=1").json()
    assert [(text["text"], text["attempt"], text["stream"]) for text in first["lines"]] == [
        ("<b>&", 1, "stdout")
    ]
    rest = http.get(f"{RUNS}/{run}/logs?after={first['next']}").json()
    assert [text["text"] for text in rest["lines"]] == ["line 1"]
    nothing = {"lines": [], "next": rest["next"], "previous": None, "total": None}
    assert http.get(f"{RUNS}/{run}/logs?after={rest['next']}").json() == nothing
    plain = http.get(f"{RUNS}/{run}/logs", headers={"Accept": "text/plain"})
    assert plain.headers["content-type"] == "text/plain; charset=utf-8"
    assert plain.text == "<b>&\nline 1\n"


def test_a_run_is_finished_changed_and_removed(http: InProcess, run: str) -> None:
    assert http.delete(f"{RUNS}/{run}").status_code == 409
    failed = http.post(
        f"{RUNS}/{run}/finish", json={"state": "failed", "cause": "diverged", "error": "NaN."}
    ).json()
    assert (failed["state"], failed["cause"], failed["error"]) == ("failed", "diverged", "NaN.")
    changed = http.patch(f"{RUNS}/{run}", json={"archived": True, "tags": ["x"]}).json()
    assert (changed["archived"], changed["tags"], changed["name"]) == (True, ["x"], "mine")
    assert http.get(RUNS).json()["items"] == []
    for query in ("archived=true", "archived=all&tag=x&state=failed,completed"):
        assert [item["id"] for item in http.get(f"{RUNS}?{query}").json()["items"]] == [run]
    assert http.delete(f"{RUNS}/{run}").status_code == 204
    assert http.get(f"{RUNS}/{run}").status_code == 404


def test_prometheus_counts_what_comes_in(http: InProcess, run: str, store: Store) -> None:
    store.add_job(spec())
    load = {"device": "cpu", "memory_used_bytes": 3, "memory_total_bytes": None, "utilisation": 0.5}
    for _ in range(2):  # a worker that was started anew is told of once
        worker = http.post("/api/v1/workers", json={"name": "bench", "host": "h", "pid": 1}).json()["id"]
        gpu = {"device": "cuda:0", "temperature_celsius": 61, "power_watts": 412.5, "note": "GPU is lost."}
        http.post(f"/api/v1/workers/{worker}/heartbeat", json={"load": [load, gpu]})
    before = _samples(http)
    http.post(f"{RUNS}/{run}/records", content=batch(step(4), step(5)).model_dump_json())
    after = _samples(http)
    assert after["hessianfree_ingested_steps_total"] - before["hessianfree_ingested_steps_total"] == 2
    assert 0 < after["hessianfree_queue_wait_seconds"] < 60
    for name, value in {
        "hessianfree_lost_attempts_total": 0,
        'hessianfree_runs{state="running"}': 1,
        'hessianfree_runs{state="completed"}': 0,
        "hessianfree_queue_depth": 1,
        'hessianfree_workers{state="idle"}': 2,
        'hessianfree_device_utilisation{device="cpu",worker="bench"}': 0.5,
        'hessianfree_device_memory_used_bytes{device="cpu",worker="bench"}': 3,
        'hessianfree_device_temperature_celsius{device="cuda:0",worker="bench"}': 61,
        'hessianfree_device_power_watts{device="cuda:0",worker="bench"}': 412.5,
        'hessianfree_device_usable{device="cpu",worker="bench"}': 1,
        'hessianfree_device_usable{device="cuda:0",worker="bench"}': 0,
        'hessianfree_stored_bytes{kind="artifacts"}': 0,
        "hessianfree_event_streams": 0,
    }.items():
        assert after[name] == value, name
    assert not any(name.startswith("hessianfree_device_memory_bytes{") for name in after)


def _samples(http: InProcess) -> dict[str, float]:
    lines = [text for text in http.get("/metrics").text.splitlines() if not text.startswith("#")]
    samples = [text.rsplit(" ", 1) for text in lines]
    assert len({name for name, _ in samples}) == len(samples)  # or Prometheus takes none of them
    return {name: float(value) for name, value in samples}


def test_the_api_describes_itself(http: InProcess) -> None:
    paths = http.get("/api/v1/openapi.json").json()["paths"]
    assert "/api/v1/jobs" in paths
    append = paths["/api/v1/runs/{run_id}/records"]["post"]
    assert append["responses"]["409"] == {"$ref": "#/components/responses/CONFLICT"}
    assert append["security"] == [{"token": []}]
    assert "security" not in paths["/healthz"]["get"]


def test_the_dashboards_files_are_asked_about_each_time(http: InProcess) -> None:
    first = http.get("/static/main.js")
    assert first.headers["cache-control"] == "no-cache"
    again = http.get("/static/main.js", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304


def test_under_this_versions_stamp_they_are_kept(http: InProcess) -> None:
    page = http.get("/").text
    addresses = set(re.findall(r'(?:href|src)="(/static/=[^"#]+)', page))
    assert any(address.endswith("/main.js") for address in addresses)
    for address in addresses:
        answer = http.get(address)
        assert answer.status_code == 200, address
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    other = re.sub(r"=\w+", "=0123456789ab", min(addresses))
    assert http.get(other).headers["cache-control"] == "no-cache"
    assert http.get("/static/=0123456789ab/nothing.js").status_code == 404


def test_plotly_is_kept_by_browsers(http: InProcess) -> None:
    answer = http.get(PLOTLY_URL)
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"].startswith("text/javascript")
    assert b"plotly.js" in answer.content[:200]
