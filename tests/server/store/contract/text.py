"""What every store must do with text and numbers that some databases have no room for."""

import math
from datetime import UTC, datetime

import pytest

from hessianfree_lab.errors import RunNotFound, WorkerNotFound
from hessianfree_lab.records import RunChanges, ScriptRun, StepRecord
from hessianfree_lab.store import RunQuery, RunSelection, Store
from hessianfree_lab.store.filters.syntax import written
from hessianfree_lab.store.sweeps import NewTrial
from server.makers import announcement, batch, finish, line, same, spec, step, steps, sweep

ODD = "a\0b \U0001f600 %_\\ '\" <b>&"
KEPT = ODD.replace("\0", "\ufffd")


class TextContract:
    def test_a_nul_character_is_replaced_wherever_it_stands(self, store: Store, worker: str) -> None:
        run, _ = store.add_job(spec(name=ODD, notes=ODD, tags=[ODD]), idempotency_key=ODD)
        assert (run.name, run.notes, run.tags) == (KEPT, KEPT, [KEPT])
        again, is_new = store.add_job(spec(), idempotency_key=ODD)
        assert (again.id, is_new) == (run.id, False)
        store.claim_job(worker)
        store.append(run.id, batch(step(1, word=ODD), logs=[line(0, ODD)], environment={"odd": ODD}))
        assert [entry.line.text for entry in store.logs(run.id)] == [KEPT]
        assert next(iter(store.rows(run.id))).metrics["word"] == KEPT
        assert store.get_run(run.id).environment == {"odd": KEPT}
        ended = store.finish(run.id, finish("failed", error=ODD))
        assert ended.error == KEPT
        assert store.change_run(run.id, RunChanges(notes="", name=ODD)).name == KEPT

    def test_a_nul_character_in_one_document_stops_no_reading_of_all(self, store: Store, worker: str) -> None:
        """JSON has a way to write it, and a database need not be able to look into a document that does."""
        job, _ = store.add_job(spec(name="first", notes=ODD, problem_params={"\0": ["\\u0000", ODD]}))
        assert job.spec["problem_params"] == {"\ufffd": ["\\u0000", KEPT]}
        asked = sweep(base=spec(notes=ODD), search={"method": "grid", "space": {"problem_params.x": [ODD]}})
        made, _ = store.sweeps.add(asked, total=1)
        trial = NewTrial(number=0, params={"problem_params.x": ODD}, jobs=[spec(problem_params={"x": ODD})])
        assert store.sweeps.add_trials(made.id, [trial])
        assert store.waiting.page().waiting == 2
        assert store.waiting.estimate(spec()).ahead == 2
        for text in ('problem_params.x : "a\0b"', f"problem_params.x = {written(ODD)}"):
            (found,) = store.list_runs(RunQuery(filter=text, sort="problem_params.x")).items
            assert found.sweep == made.id
        groups = store.table.groups(RunSelection(), "problem_params.x").items
        assert [group.key for group in groups] == [KEPT, None]
        store.claim_job(worker)
        store.append(job.id, steps(1, 3, word=ODD))
        assert store.series(job.id, ["loss", "word"]).values["word"] == [KEPT] * 3
        assert store.table.fields().metrics
        (done,) = store.sweeps.trials(made.id)
        assert done.params == {"problem_params.x": KEPT}

    @pytest.mark.parametrize("query", [{"q": ODD}, {"tag": ODD}, {"q": "%_\\"}])
    def test_odd_text_can_be_looked_for(self, store: Store, query: dict[str, str]) -> None:
        found = store.add_script_run(ScriptRun(name=ODD, tags=[ODD]))
        store.add_script_run(ScriptRun(name="abc", tags=["abc"]))
        assert [run.id for run in store.list_runs(RunQuery(**query)).items] == [found.id]
        for nothing in ({"problem": "\0"}, {"optimizer": "\0"}, {"q": "\0\0"}):
            assert store.list_runs(RunQuery(**nothing)).items == []

    @pytest.mark.parametrize("name", ["\0", "", "x" * 10_000, "'; DROP TABLE runs; --"])
    def test_nothing_has_an_odd_id(self, store: Store, name: str) -> None:
        with pytest.raises(RunNotFound):
            store.get_run(name)
        with pytest.raises(WorkerNotFound):
            store.heartbeat(name, [])

    def test_names_are_found_whatever_their_case(self, store: Store) -> None:
        run = store.add_script_run(ScriptRun(name="Deep Autoencoder"))
        assert [found.id for found in store.list_runs(RunQuery(q="deep auto")).items] == [run.id]

    def test_metrics_are_listed_by_their_letters(self, store: Store) -> None:
        run = store.add_script_run(ScriptRun(name="mine"))
        names = ["B", "_a", "a", "a.b", "a/b", "ab", "b"]
        store.append(run.id, batch(step(1, **dict.fromkeys(reversed(names), 1.0))))
        wanted = sorted([*names, "loss"])
        assert list(store.columns(run.id)) == wanted
        assert list(store.get_run(run.id).summary) == wanted

    def test_numbers_keep_their_last_bit(self, store: Store) -> None:
        run = store.add_script_run(ScriptRun(name="mine"))
        odd = [
            5e-324,
            1.7976931348623157e308,
            -0.0,
            0.1,
            math.pi,
            2**53,
            -(2**63),
            10**30,
            math.nan,
            -math.inf,
        ]
        metrics = {f"m{index}": value for index, value in enumerate(odd)}
        store.append(run.id, batch(StepRecord(step=2**53, metrics=metrics)))
        (record,) = store.rows(run.id)
        assert repr([record.metrics[name] for name in metrics]) == repr(odd)
        shown = store.get_run(run.id)
        assert shown.progress.step == 2**53
        assert same([shown.summary[name].last for name in metrics], [float(value) for value in odd])

    def test_moments_at_both_ends_of_time_come_back(self, store: Store) -> None:
        run = store.add_script_run(ScriptRun(name="mine"))
        ends = [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)]
        for number, moment in enumerate(ends, start=1):
            store.append(run.id, batch(StepRecord(step=number, wall_time=moment, metrics={"loss": 1.0})))
        assert [record.wall_time for record in store.rows(run.id)] == ends

    def test_a_worker_may_have_an_odd_name(self, store: Store) -> None:
        store.add_worker(announcement(name=ODD, host=ODD))
        assert [(worker.name, worker.host) for worker in store.workers()] == [(KEPT, KEPT)]
