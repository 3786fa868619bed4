"""What every store must do with lists of runs, and with what people change by hand."""

import math
from typing import Any

import pytest

from hessianfree_lab.errors import InvalidRequest, WrongState
from hessianfree_lab.records import RunChanges, ScriptRun
from hessianfree_lab.store import RunQuery, Store
from server.makers import batch, finish, spec, step


class ListContract:
    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ({}, "cba"),
            ({"sort": "created_at"}, "abc"),
            ({"sort": "name"}, "acb"),
            ({"sort": "-name"}, "bca"),
            ({"state": ("completed",)}, "a"),
            ({"state": ("completed", "queued")}, "ca"),
            ({"problem": "script"}, "b"),
            ({"optimizer": "adam"}, "c"),
            ({"tag": "one"}, "ba"),
            ({"q": "PHA"}, "ca"),
            ({"q": "%"}, ""),
            ({"archived": True}, "d"),
            ({"archived": None}, "dcba"),
            ({"state": ("completed",), "optimizer": "adam"}, ""),
        ],
    )
    def test_filters_and_orders(
        self, store: Store, worker: str, query: dict[str, Any], expected: str
    ) -> None:
        a, _ = store.add_job(spec(name="alpha", tags=["one"]))
        store.claim_job(worker)
        store.finish(a.id, finish())
        b = store.add_script_run(ScriptRun(name="gamma", tags=["two", "one"]))
        c, _ = store.add_job(spec(name="Alphabet", optimizer="adam"))
        d, _ = store.add_job(spec(name="hidden"))
        store.change_run(d.id, RunChanges(archived=True))
        names = {a.id: "a", b.id: "b", c.id: "c", d.id: "d"}
        assert "".join(names[run.id] for run in store.list_runs(RunQuery(**query)).items) == expected

    @pytest.mark.parametrize(
        ("sort", "expected"),
        [
            ("loss.last", [1.0, 2.0, 2.0, math.nan, math.inf, None]),
            ("-loss.last", [2.0, 2.0, 1.0, math.nan, math.inf, None]),
            ("loss.min", [1.0, 2.0, 2.0, None, None, None]),
            ("-loss.max", [2.0, 2.0, 1.0, None, None, None]),
        ],
    )
    @pytest.mark.parametrize("limit", [1, 2, 50])
    def test_metrics_sort_with_what_is_not_finite_at_the_end(
        self, store: Store, sort: str, expected: list[float | None], limit: int
    ) -> None:
        for value in (2.0, None, math.inf, 1.0, math.nan, 2.0):
            run = store.add_script_run(ScriptRun(name="run"))
            if value is not None:
                store.append(run.id, batch(step(1, loss=value)))
        store.add_job(spec())
        listed, cursor = [], None
        while True:
            page = store.list_runs(RunQuery(sort=sort, limit=limit, cursor=cursor, problem="script"))
            assert len(page.items) <= limit
            listed += page.items
            cursor = page.next_cursor
            if cursor is None:
                break
        which = sort.partition(".")[2]
        found = [getattr(run.summary["loss"], which) if run.summary else None for run in listed]
        assert len({run.id for run in listed}) == 6
        assert sorted(map(repr, found)) == sorted(map(repr, expected))
        finite = [value for value in expected if value is not None and math.isfinite(value)]
        assert found[: len(finite)] == finite
        equals = [run.id for run in listed if found[listed.index(run)] == 2.0]
        assert equals == sorted(equals, reverse=True)

    def test_pages_hold_while_runs_come(self, store: Store) -> None:
        ids = [store.add_job(spec())[0].id for _ in range(5)]
        first = store.list_runs(RunQuery(limit=2))
        store.add_job(spec())
        second = store.list_runs(RunQuery(limit=9, cursor=first.next_cursor))
        assert [run.id for run in first.items + second.items] == ids[::-1]
        assert second.next_cursor is None

    @pytest.mark.parametrize("cursor", ["x", "!!!", "W10", "e30", "🙂"])
    def test_a_cursor_is_only_what_this_list_made(self, store: Store, cursor: str) -> None:
        with pytest.raises(InvalidRequest) as caught:
            store.list_runs(RunQuery(cursor=cursor))
        assert caught.value.faults[0].path == "cursor"

    def test_a_cursor_of_another_order_is_refused(self, store: Store) -> None:
        for _ in range(2):
            store.add_job(spec())
        cursor = store.list_runs(RunQuery(limit=1, sort="name")).next_cursor
        with pytest.raises(
            InvalidRequest, match="made for the order 'name'; this list is in the order '-name'"
        ):
            store.list_runs(RunQuery(cursor=cursor, sort="-name"))

    @pytest.mark.parametrize("sort", ["loss", "age", "", "loss.mean"])
    def test_an_unknown_order_is_refused(self, store: Store, sort: str) -> None:
        with pytest.raises(InvalidRequest, match="sort is"):
            store.list_runs(RunQuery(sort=sort))

    def test_only_what_is_given_changes(self, store: Store) -> None:
        run, _ = store.add_job(spec(name="old", tags=["a"], notes="n"))
        changed = store.change_run(run.id, RunChanges(name="new", pinned=True))
        assert (changed.name, changed.tags, changed.notes, changed.pinned) == ("new", ["a"], "n", True)
        changed = store.change_run(run.id, RunChanges(tags=["b", "c", "b"], notes=""))
        assert (changed.name, changed.tags, changed.notes, changed.pinned) == ("new", ["b", "c"], "", True)
        assert store.get_run(run.id) == changed

    def test_a_running_run_is_not_removed(self, store: Store, run: str) -> None:
        with pytest.raises(WrongState, match="cancel it before") as caught:
            store.remove_run(run)
        assert caught.value.state == "running"
        store.finish(run, finish())
        store.remove_run(run)
        assert store.list_runs(RunQuery()).items == []

    def test_counts(self, store: Store, run: str) -> None:
        store.add_job(spec())
        store.add_job(spec())
        assert store.counts().runs == {"running": 1, "queued": 2}
        assert store.counts().workers == {"idle": 0, "busy": 1, "gone": 0}
