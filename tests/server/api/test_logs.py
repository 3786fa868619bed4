"""Logs over HTTP: from their end, searched, and as one file."""

from hessianfree_lab.records import ScriptRun
from hessianfree_lab.store import Store
from server.api.in_process import InProcess
from server.makers import batch, line

RUNS = "/api/v1/runs"


def with_lines(store: Store, count: int) -> str:
    run = store.add_script_run(ScriptRun(name="chatty")).id
    lines = [line(number, f"line {number} <b>&") for number in range(count)]
    for first in range(0, count, 5_000):
        store.append(run, batch(logs=lines[first : first + 5_000]))
    return run


def test_the_end_of_a_log_comes_first_and_leads_to_what_was_before(http: InProcess, store: Store) -> None:
    logs = f"{RUNS}/{with_lines(store, 5)}/logs"
    last = http.get(f"{logs}?before={2**53}&limit=3").json()
    assert [entry["text"][:6] for entry in last["lines"]] == ["line 2", "line 3", "line 4"]
    assert (last["total"], last["previous"]) == (5, last["lines"][0]["position"])
    first = http.get(f"{logs}?before={last['previous']}&limit=3").json()
    assert [entry["number"] for entry in first["lines"]] == [0, 1]
    assert first["previous"] is None


def test_a_log_is_searched(http: InProcess, store: Store) -> None:
    logs = f"{RUNS}/{with_lines(store, 30)}/logs"
    found = http.get(f"{logs}?q=LINE 2&before={2**53}&limit=4").json()
    assert [entry["number"] for entry in found["lines"]] == [26, 27, 28, 29]
    assert found["total"] == 11
    assert http.get(f"{logs}?q=line 2&stream=stderr").json()["total"] == 0
    refused = http.get(f"{logs}?stream=stdout,radio")
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, "stream")
    assert "it must be one of stdout, stderr, worker" in refused.json()["errors"][0]["message"]


def test_a_log_is_a_file_with_every_line(http: InProcess, store: Store) -> None:
    run = with_lines(store, 12_001)
    answer = http.get(f"{RUNS}/{run}/logs.txt")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="{run}.log"'
    assert answer.text == "".join(f"line {number} <b>&\n" for number in range(12_001))
    assert http.get(f"{RUNS}/nothing/logs.txt").status_code == 404
