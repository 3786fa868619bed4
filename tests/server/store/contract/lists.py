"""What every store must do with lists of runs, and with what people change by hand."""

import base64
import json
import math
from typing import Any

import pytest

from hessianfree_lab.errors import InvalidRequest, RunNotFound, WrongState
from hessianfree_lab.records import RunChanges, ScriptRun
from hessianfree_lab.store import RunQuery, Store
from server.makers import batch, finish, line, spec, spectrum, step, steps, trace
from server.store.clock import Clock


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

    def test_several_runs_come_in_the_order_asked_for(self, store: Store) -> None:
        ids = [store.add_script_run(ScriptRun(name=name)).id for name in "abc"]
        asked = [ids[2], ids[0]]
        assert store.get_runs(asked) == [store.get_run(run_id) for run_id in asked]
        with pytest.raises(RunNotFound, match="'x'"):
            store.get_runs([ids[0], "x", "y"])

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

    @pytest.mark.parametrize(
        "sort", ["created", "started", "name", "step", "-seconds", "progress", "loss.best_step", "config.x"]
    )
    def test_a_cursor_that_somebody_made_up_is_refused_or_stands_for_a_place(
        self, store: Store, sort: str
    ) -> None:
        """A database would refuse a text for a number, or a number that its column has no room for."""
        store.add_script_run(ScriptRun(name="run"))
        refused = set()
        for value in ("x", 10**30, 2**63, 1.5, True, [1], "9999-12-31T23:59:59-23:59", "\0"):
            keys = [value] * (3 if sort == "config.x" else 1)
            made_up = base64.urlsafe_b64encode(json.dumps([sort, keys, "\0"]).encode()).decode()
            try:
                assert len(store.list_runs(RunQuery(sort=sort, cursor=made_up)).items) <= 1
            except InvalidRequest as error:
                refused.add((error.faults[0].path, repr(value)))
        assert refused >= {("cursor", "True"), ("cursor", "[1]")}

    def test_no_more_words_are_looked_for_than_a_database_bears(self, store: Store) -> None:
        found = store.add_script_run(ScriptRun(name="a b"))
        assert [run.id for run in store.list_runs(RunQuery(q="a b " * 1_000)).items] == [found.id]
        with pytest.raises(InvalidRequest, match="q has 1000 words; at most 50 are allowed"):
            store.list_runs(RunQuery(q=" ".join(map(str, range(1_000)))))

    def test_a_cursor_of_another_order_is_refused(self, store: Store) -> None:
        for _ in range(2):
            store.add_job(spec())
        cursor = store.list_runs(RunQuery(limit=1, sort="name")).next_cursor
        with pytest.raises(
            InvalidRequest, match="made for the order 'name'; this list is in the order '-name'"
        ):
            store.list_runs(RunQuery(cursor=cursor, sort="-name"))

    @pytest.mark.parametrize("sort", ["", "-", "loss min", "a..b", ".min"])
    def test_an_order_that_can_be_no_name_is_refused(self, store: Store, sort: str) -> None:
        with pytest.raises(InvalidRequest, match=r"is no name|sort is"):
            store.list_runs(RunQuery(sort=sort))

    def test_only_what_is_given_changes(self, store: Store) -> None:
        run, _ = store.add_job(spec(name="old", tags=["a"], notes="n"))
        changed = store.change_run(run.id, RunChanges(name="new", pinned=True))
        assert (changed.name, changed.tags, changed.notes, changed.pinned) == ("new", ["a"], "n", True)
        changed = store.change_run(run.id, RunChanges(tags=["b", "c", "b"], notes=""))
        assert (changed.name, changed.tags, changed.notes, changed.pinned) == ("new", ["b", "c"], "", True)
        assert store.get_run(run.id) == changed

    def test_runs_get_the_colours_in_turn(self, store: Store) -> None:
        colours = [store.add_job(spec())[0].colour for _ in range(20)]
        colours += [store.add_script_run(ScriptRun(name="own")).colour for _ in range(20)]
        assert colours == [number % 32 for number in range(40)]

    def test_a_running_run_is_not_removed(self, store: Store, run: str) -> None:
        with pytest.raises(WrongState, match="cancel it before") as caught:
            store.remove_run(run)
        assert caught.value.state == "running"
        store.finish(run, finish())
        store.remove_run(run)

    def test_a_removed_run_is_gone_at_once_and_its_record_piece_by_piece(
        self, store: Store, worker: str
    ) -> None:
        removed, _ = store.add_job(spec(tags=["old"]), idempotency_key="key")
        kept = store.add_script_run(ScriptRun(name="kept"))
        store.claim_job(worker)
        for run_id in (removed.id, kept.id):
            traces = [trace(number) for number in range(1, 301)]
            store.append(run_id, steps(1, 2_500))
            store.append(run_id, batch(cg=traces, spectra=[spectrum(1)], logs=[line(0)]))
        store.finish(removed.id, finish())
        store.remove_run(removed.id)
        with pytest.raises(RunNotFound):
            store.get_run(removed.id)
        with pytest.raises(RunNotFound):
            store.get_runs([kept.id, removed.id])
        with pytest.raises(RunNotFound):
            store.append(removed.id, steps(2_501, 2_502))
        with pytest.raises(RunNotFound):
            store.remove_run(removed.id)
        assert store.states([removed.id, kept.id]) == {kept.id: "running"}
        assert [run.id for run in store.list_runs(RunQuery(archived=None)).items] == [kept.id]
        assert store.counts().runs == {"running": 1}
        assert store.table.fields().tags == []
        assert store.claim_job(worker) is None
        again, is_new = store.add_job(spec(), idempotency_key="key")
        assert (is_new, again.id != removed.id) == (True, True)
        pieces = 0
        while (cleared := store.clear_removed()) is not None:
            assert cleared == removed.id
            pieces += 1
        assert pieces > 5  # so that whoever writes meanwhile waits for no more than one of them
        assert len(list(store.rows(kept.id))) == 2_500
        assert len(store.solves.sample(kept.id).solves) == 300
        assert [entry.line.number for entry in store.logs(kept.id)] == [0]

    def test_a_queued_job_that_is_removed_is_never_claimed(self, store: Store, worker: str) -> None:
        job, _ = store.add_job(spec())
        store.remove_run(job.id)
        assert store.claim_job(worker) is None
        assert store.waiting.page().waiting == 0
        assert store.clear_removed() == job.id
        assert store.clear_removed() is None
        assert store.list_runs(RunQuery()).items == []

    def test_counts(self, store: Store, run: str) -> None:
        store.add_job(spec())
        store.add_job(spec())
        assert store.counts().runs == {"running": 1, "queued": 2}
        assert store.counts().workers == {"idle": 0, "busy": 1, "gone": 0}

    def test_a_wait_counts_from_the_submission_or_the_end_of_the_last_attempt(
        self, store: Store, worker: str, clock: Clock
    ) -> None:
        assert store.counts().waiting_seconds == 0
        first, _ = store.add_job(spec())
        clock.advance(30)
        store.add_job(spec())
        clock.advance(10)
        assert store.counts().waiting_seconds == 40
        store.claim_job(worker)
        assert store.counts().waiting_seconds == 10
        clock.advance(5)
        store.finish(first.id, finish("interrupted"))
        clock.advance(1)
        assert store.counts().waiting_seconds == 16
