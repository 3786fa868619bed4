"""What every store must do with text and numbers that some databases have no room for."""

import math

import pytest

from hessianfree_lab.errors import RunNotFound, WorkerNotFound
from hessianfree_lab.records import RunChanges, ScriptRun, StepRecord
from hessianfree_lab.store import RunQuery, Store
from server.makers import announcement, batch, finish, line, same, spec, step

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
        # JSON has a way to write it.
        assert next(iter(store.rows(run.id))).metrics["word"] == ODD
        assert store.get_run(run.id).environment == {"odd": ODD}
        ended = store.finish(run.id, finish("failed", error=ODD))
        assert ended.error == KEPT
        assert store.change_run(run.id, RunChanges(notes="", name=ODD)).name == KEPT

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

    def test_a_worker_may_have_an_odd_name(self, store: Store) -> None:
        store.add_worker(announcement(name=ODD, host=ODD))
        assert [(worker.name, worker.host) for worker in store.workers()] == [(KEPT, KEPT)]
