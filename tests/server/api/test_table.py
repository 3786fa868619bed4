"""The table of runs over HTTP: groups, fields, small curves, actions, files, views."""

import csv
import io
import math
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from hessianfree_lab.api import table_files
from hessianfree_lab.records import RunChanges, ScriptRun
from hessianfree_lab.store import RunSelection, Store, tables
from hessianfree_lab.store.engine import make_engine
from server.api.in_process import InProcess
from server.api.lab import SECRET, bearer, lab
from server.makers import batch, finish, step, steps

API = "/api/v1"


def trained(store: Store, name: str, losses: list[Any], **script: Any) -> str:
    run = store.add_script_run(ScriptRun(name=name, **script))
    store.append(run.id, batch(*(step(number, loss=loss) for number, loss in enumerate(losses, start=1))))
    return run.id


@pytest.fixture
def runs(store: Store) -> dict[str, str]:
    return {
        "one": trained(store, "one", [3.0, 1.0], config={"lr": 0.1}, tags=["a", "b"]),
        "two": trained(store, "two", [5.0, float("nan")], config={"lr": 0.1}),
        "three": trained(store, 'the "third", =1+1', [9.0, 2.0, 4.0], config={"lr": "auto", "sizes": [4, 2]}),
    }


def ask(http: InProcess, path: str, **params: Any) -> Any:
    answer = http.get(f"{API}{path}", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_lists_take_a_filter_and_any_order_and_say_how_many(http: InProcess, runs: dict[str, str]) -> None:
    page = ask(http, "/runs", filter="loss.min < 5", sort="-loss.min", limit=1)
    assert [run["id"] for run in page["items"]] == [runs["three"]]
    assert page["total"] == 2
    again = ask(http, "/runs", filter="loss.min < 5", sort="-loss.min", limit=1, cursor=page["next_cursor"])
    assert [run["id"] for run in again["items"]] == [runs["one"]]
    assert (again["total"], again["next_cursor"]) == (2, None)
    assert ask(http, "/runs", q="XYZ")["total"] == 0
    assert ask(http, "/runs", state="running,diverged")["total"] == 3


def test_a_filter_that_is_none_says_what_was_expected_and_where(http: InProcess) -> None:
    answer = http.get(f"{API}/runs", params={"filter": "loss.min 3"})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {
            "path": "filter",
            "message": "At character 10: one of = != < <= > >= : was expected after 'loss.min', not '3'.",
            "position": 9,
        }
    ]


def test_groups_and_fields(http: InProcess, runs: dict[str, str]) -> None:
    found = ask(http, "/runs/groups", by="config.lr", metrics="loss.min,loss.last")
    assert [(group["key"], group["count"], group["filter"]) for group in found["items"]] == [
        (0.1, 2, "config.lr = 0.1"),
        ("auto", 1, 'config.lr = "auto"'),
    ]
    assert found["items"][0]["values"]["loss.last"] == {
        "count": 1, "mean": 1.0, "std": None, "min": 1.0, "max": 1.0,
    }  # fmt: skip
    assert "config.lr" in [field["name"] for field in ask(http, "/runs/fields")["settings"]]


def test_small_curves_have_gaps_and_leave_out_what_is_gone(http: InProcess, runs: dict[str, str]) -> None:
    asked = f"{runs['two']},none,{runs['three']}"
    assert ask(http, "/runs/sparklines", runs=asked, metric="loss") == {
        "metric": "loss",
        "items": [
            {"run": runs["two"], "steps": [1, 2], "values": [5.0, "NaN"]},
            {"run": runs["three"], "steps": [1, 2, 3], "values": [9.0, 2.0, 4.0]},
        ],
    }
    assert ask(http, "/runs/sparklines", runs=runs["one"], metric="none")["items"][0]["values"] in (
        [],
        [None, None],
    )


def test_long_curves_are_short(http: InProcess, store: Store) -> None:
    run = store.add_script_run(ScriptRun(name="long")).id
    store.append(run, steps(1, 900))
    (curve,) = ask(http, "/runs/sparklines", runs=run)["items"]
    assert 20 < len(curve["steps"]) < 130
    assert (curve["steps"][0], curve["steps"][-1]) == (1, 900)


def act(http: InProcess, status: int = 200, **body: Any) -> Any:
    answer = http.post(f"{API}/runs/actions", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_actions_by_id_say_who_refused(http: InProcess, store: Store, runs: dict[str, str]) -> None:
    store.finish(runs["one"], finish())
    done = act(http, action="delete", runs=[runs["one"], runs["two"], runs["one"]])
    assert done["done"] == 1
    assert [refusal["run"] for refusal in done["refused"]] == [runs["two"]]
    assert http.get(f"{API}/runs/{runs['one']}").status_code == 404


def test_files_of_deleted_runs_go_with_them(tmp_path: Path) -> None:
    with lab(tmp_path) as made:
        ended, going = (trained(made.store, name, [1.0]) for name in ("ended", "going"))
        for run in (ended, going):
            made.http.request(
                "PUT", f"{API}/runs/{run}/artifacts/a.txt", content=b"a", headers=bearer(SECRET)
            ).raise_for_status()
        made.store.finish(ended, finish())
        body = {"action": "delete", "runs": [ended, going]}
        made.http.post(f"{API}/runs/actions", json=body, headers=bearer(SECRET)).raise_for_status()
        left = select(func.count()).where(tables.steps.c.run_id == ended)
        engine = make_engine(made.app.state.settings.url_of_database)
        with engine.connect() as connection:
            deadline = time.monotonic() + 20
            while connection.scalar(left):  # what it recorded is cleared in the background
                connection.rollback()
                assert time.monotonic() < deadline
                time.sleep(0.01)
        engine.dispose()
    assert [path.name for path in tmp_path.rglob("a.txt")] == ["a.txt"]
    assert not any(ended in str(path) for path in tmp_path.rglob("*"))
    assert any(going in str(path) for path in tmp_path.rglob("*"))


def test_actions_by_filter_do_nothing_when_another_number_passes(
    http: InProcess, runs: dict[str, str]
) -> None:
    refused = act(http, 422, action="archive", filter="loss.min < 5", expected=3)
    assert refused["errors"][0]["path"] == "expected"
    assert ask(http, "/runs")["total"] == 3
    assert act(http, action="archive", filter="loss.min < 5", expected=2) == {"done": 2, "refused": []}
    assert [run["id"] for run in ask(http, "/runs")["items"]] == [runs["two"]]
    assert act(http, action="tag", tags=["x"], archived="all")["done"] == 3
    assert act(http, action="unarchive", archived="true", tag="x")["done"] == 2


def test_an_action_on_everything_has_to_be_meant(http: InProcess, runs: dict[str, str]) -> None:
    act(http, 422, action="delete")
    act(http, 422, action="delete", runs=[])
    act(http, 422, action="delete", runs=[runs["one"]], filter="name = x")
    act(http, 422, action="explode", runs=[runs["one"]])
    assert ask(http, "/runs")["total"] == 3


def test_the_table_as_csv(http: InProcess, store: Store, runs: dict[str, str]) -> None:
    store.change_run(runs["two"], RunChanges(pinned=True))
    columns = "name,tag,loss.last,config.lr,config.sizes,pinned,created,cause"
    answer = http.get(f"{API}/runs/table.csv", params={"sort": "name", "columns": columns})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    head, *lines = csv.reader(io.StringIO(answer.text))
    assert head == columns.split(",")
    assert [line[:6] for line in lines] == [
        ["one", "a b", "1.0", "0.1", "", "false"],
        ['the "third", =1+1', "", "4.0", "auto", "[4,2]", "false"],
        ["two", "", "NaN", "0.1", "", "true"],
    ]
    assert lines[0][6].endswith("Z")


def test_no_text_of_a_file_is_a_formula_in_a_spreadsheet(http: InProcess, store: Store) -> None:
    """Whoever may record a run would otherwise run something on the machine of who opens the file."""
    formula = '=HYPERLINK("http://x")'
    run = trained(
        store, formula, [-1.0], tags=["@a"], config={"x": "-2+3", "y": -0.5, "z": "a=1"}, notes="\tx"
    )
    store.append(run, batch(step(2, loss=-math.inf, word="+1")))
    answer = http.get(
        f"{API}/runs/table.csv", params={"columns": "name,tag,config.x,config.y,config.z,notes,loss.last"}
    )
    (_, line) = csv.reader(io.StringIO(answer.text))
    assert line == [f"'{formula}", "'@a", "'-2+3", "-0.5", "a=1", "'\tx", "-Infinity"]
    words = [
        row["word"] for row in csv.DictReader(io.StringIO(http.get(f"{API}/runs/{run}/metrics.csv").text))
    ]
    assert words == ["", "'+1"]


def test_a_file_has_each_run_once_whatever_changes_while_it_is_read(http: InProcess, store: Store) -> None:
    ids = [trained(store, f"{number:03}", []) for number in range(250)]
    selection = RunSelection(archived=False)
    rows = table_files.rows_of(store, selection, columns="name", runs="", sort="name", limit=None)
    names = [next(rows)["name"], next(rows)["name"]]
    store.change_run(ids[0], RunChanges(name="zzz"))  # by its new name it would come again
    store.finish(ids[230], finish())
    store.remove_run(ids[230])
    names += [row["name"] for row in rows]
    assert names == ["name", *(f"{number:03}" for number in range(250) if number != 230)]


def test_the_table_as_json_and_only_some_of_it(http: InProcess, runs: dict[str, str]) -> None:
    rows = ask(http, "/runs/table.json", sort="-loss.last", columns="name,loss.last,tag", limit=2)
    assert rows == [
        {"name": 'the "third", =1+1', "loss.last": 4.0, "tag": []},
        {"name": "one", "loss.last": 1.0, "tag": ["a", "b"]},
    ]
    assert ask(http, "/runs/table.json", runs=runs["two"], columns="loss.last") == [{"loss.last": "NaN"}]
    assert ask(http, "/runs/table.json", filter="name = none") == []


def test_a_long_table_is_whole(http: InProcess, store: Store) -> None:
    for number in range(205):
        store.add_script_run(ScriptRun(name=f"run {number}"))
    assert len(ask(http, "/runs/table.json", columns="name")) == 205


def test_views_come_and_go(http: InProcess) -> None:
    made = http.post(f"{API}/views", json={"name": "best", "query": "sort=loss.min"})
    assert made.status_code == 201
    view = made.json()
    assert ask(http, "/views")["items"] == [view]
    assert (view["query"], view["created_by"]) == ("sort=loss.min", None)
    assert http.delete(f"{API}/views/{view['id']}").status_code == 204
    assert ask(http, "/views")["items"] == []
