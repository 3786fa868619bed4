"""What every store must do for the table of runs beside its pages."""

import math

import pytest

from hessianfree_lab.errors import InvalidRequest, RecordNotFound, RunNotFound
from hessianfree_lab.records import RunChanges, ScriptRun
from hessianfree_lab.records.table import NewView, Spread
from hessianfree_lab.store import RunQuery, RunSelection, Store
from server.makers import batch, spec, step, steps
from server.store.clock import Clock


def trained(store: Store, loss: float | None, **script: object) -> str:
    run = store.add_script_run(ScriptRun(**{"name": "run"} | script))
    if loss is not None:
        store.append(run.id, batch(step(1, loss=loss)))
    return run.id


class TableContract:
    def test_groups_have_the_spread_of_their_runs(self, store: Store) -> None:
        for rate, loss in ((0.1, 1.0), (0.1, 3.0), (0.1, math.nan), (1e-5, 5.0), ("auto", 7.0), (None, 9.0)):
            trained(store, loss, config={} if rate is None else {"lr": rate})
        found = store.table.groups(RunSelection(), "config.lr", metrics=["loss.min", "step"])
        assert [(group.key, group.count) for group in found.items] == [
            (1e-5, 1),
            (0.1, 3),
            ("auto", 1),
            (None, 1),
        ]
        assert found.total == 4
        spread = found.items[1].values["loss.min"]
        assert spread == Spread(count=2, mean=2.0, std=math.sqrt(2), min=1.0, max=3.0)
        assert found.items[0].values["loss.min"].std is None
        assert found.items[1].values["step"] == Spread(count=3, mean=1.0, std=0.0, min=1.0, max=1.0)

    def test_losses_that_are_nearly_equal_keep_their_deviation(self, store: Store) -> None:
        for loss in (1e9, 1e9 + 1, 1e9 + 2):
            trained(store, loss)
        (group,) = store.table.groups(RunSelection(), "problem", metrics=["loss.min"]).items
        assert group.values["loss.min"].std == pytest.approx(1.0)

    def test_the_largest_losses_have_a_mean(self, store: Store) -> None:
        for loss in (-1.7e308, 1.7e308, 1.7e308):
            trained(store, loss)
        (group,) = store.table.groups(RunSelection(), "problem", metrics=["loss.min"]).items
        spread = group.values["loss.min"]
        assert spread.mean == pytest.approx(1.7e308 / 3)
        assert spread.std == math.inf  # it would be 1.96e308

    @pytest.mark.parametrize(
        "by",
        ["config.x", "tag", "state", "name", "steps", "archived", "created", "ended", "loss.last", "config"],
    )
    def test_the_filter_of_a_group_finds_its_runs(self, store: Store, clock: Clock, by: str) -> None:
        values = [1, 1.0, 0.1, "1", 'a "b" \\', True, False, None, [1, 2], {"z": 1}, "null"]
        for index, value in enumerate(values):
            run = trained(
                store,
                [1.5, None, -2.0][index % 3],
                name=f"it's {index % 3}",
                config={"x": value},
                steps=[None, 7][index % 2],
                tags=[["a b"], [], ["a b", "c"]][index % 3],
            )
            store.change_run(run, RunChanges(archived=index % 4 == 0))
            clock.advance(10_000)
        everything = RunSelection(archived=None)
        found = store.table.groups(everything, by)
        counts = [
            store.list_runs(RunQuery(archived=None, filter=group.filter)).total for group in found.items
        ]
        assert counts == [group.count for group in found.items]
        assert sum(counts) == len(values) + (3 if by == "tag" else 0)  # three have two tags

    def test_groups_are_sorted_and_cut(self, store: Store) -> None:
        for problem, loss in (("a", 3.0), ("b", 1.0), ("b", 2.0), ("c", None)):
            trained(store, loss, problem=problem)

        def keys(sort: str, limit: int = 10) -> str:
            found = store.table.groups(
                RunSelection(), "problem", metrics=["loss.min"], sort=sort, limit=limit
            )
            assert found.total == 3
            return "".join(str(group.key) for group in found.items)

        assert keys("-key") == "cba"
        assert keys("-count", 1) == "b"
        assert keys("loss.min") == "bac"
        assert keys("-loss.min") == "abc"

    def test_only_runs_that_pass_are_grouped(self, store: Store) -> None:
        trained(store, 1.0, problem="a")
        trained(store, 2.0, problem="a")
        (group,) = store.table.groups(RunSelection(filter="loss.min > 1"), "problem").items
        assert group.count == 1

    def test_fields_name_what_there_is(self, store: Store) -> None:
        config = {
            "lr": 0.1,
            "deep": {"x": "text", "odd key": 1},
            "list": [1],
            "none": None,
            "on": True,
            "max": 3,
        }
        run = trained(store, 1.0, config=config, tags=["one"], problem="p")
        store.append(run, batch(step(2, cg_stop="limit", accepted=True)))
        found = store.table.fields()
        assert [field.name for field in found.metrics] == ["loss"]
        assert {field.name: field.kind for field in found.settings} == {
            "config.lr": "number",
            "config.deep.x": "text",
            "config.list": "list",
            "config.on": "flag",
            "spec.config.max": "number",
        }
        assert {"state", "tag", "created", "progress"} <= {field.name for field in found.columns}
        assert (found.problems, found.optimizers, found.tags) == (["p"], ["script"], ["one"])
        for field in found.settings:
            assert store.list_runs(RunQuery(filter=f"{field.name} != null")).total == 1

    def test_many_are_changed_at_once_and_each_says_why_it_was_not(self, store: Store, run: str) -> None:
        waiting, _ = store.add_job(spec())
        done = trained(store, 1.0)
        refused = store.table.act([waiting.id, run, "none", waiting.id], "delete")
        assert [refusal.run for refusal in refused] == [run, "none"]
        assert "cancel it before it is removed" in refused[0].reason
        with pytest.raises(RunNotFound):
            store.get_run(waiting.id)
        assert store.table.act([run, done], "archive") == []
        assert [store.get_run(run_id).archived for run_id in (run, done)] == [True, True]
        assert store.table.act([run], "pause", requested_by="anna") == []
        assert store.controls(run)[0].requested_by == "anna"
        assert store.table.act([run], "cancel") == []
        assert store.get_run(run).stop_requested

    def test_tags_come_and_go(self, store: Store) -> None:
        one = trained(store, None, tags=["a", "b"])
        full = trained(store, None, tags=[f"t{number}" for number in range(32)])
        (refusal,) = store.table.act([one, full], "tag", tags=["b", "c"])
        assert refusal.run == full
        assert "at most 32" in refusal.reason
        assert store.get_run(one).tags == ["a", "b", "c"]
        assert store.table.act([one], "untag", tags=["a", "none"]) == []
        assert store.get_run(one).tags == ["b", "c"]

    def test_whoever_listens_hears_of_each_run_that_was_changed(self, store: Store) -> None:
        runs = [trained(store, None) for _ in range(3)]
        before = store.last_event_id()
        store.table.act(runs, "pin")
        changed = [event.data for event in store.events(before)]
        assert [(data["id"], data["pinned"]) for data in changed] == [(run, True) for run in runs]

    def test_ids_are_those_that_pass_newest_first(self, store: Store) -> None:
        runs = [trained(store, float(number)) for number in range(4)]
        assert store.table.ids(RunSelection(filter="loss.min > 0"), 2) == runs[:1:-1]
        assert store.table.ids(RunSelection(ids=(runs[0], "none")), 9) == [runs[0]]

    def test_views_are_kept_by_name(self, store: Store) -> None:
        later = store.table.save_view(NewView(name="slow", query="sort=-seconds"), created_by="anna")
        first = store.table.save_view(NewView(name="best", query="sort=loss.min"))
        assert store.table.views() == [first, later]
        assert (later.created_by, first.created_by) == ("anna", None)
        again = store.table.save_view(NewView(name="slow", query="sort=-step"))
        assert (again.id, again.query) == (later.id, "sort=-step")
        store.table.remove_view(first.id)
        assert store.table.views() == [again]
        with pytest.raises(RecordNotFound):
            store.table.remove_view(first.id)

    def test_a_group_by_nothing_that_is_known_is_refused(self, store: Store) -> None:
        with pytest.raises(InvalidRequest, match="is no name"):
            store.table.groups(RunSelection(), "a b")
        with pytest.raises(InvalidRequest, match="a mean is of numbers"):
            store.table.groups(RunSelection(), "problem", metrics=["name"])

    def test_a_run_of_a_sweep_or_a_worker_is_found_by_it(self, store: Store, run: str, worker: str) -> None:
        store.append(run, steps(1, 2))
        assert store.table.ids(RunSelection(filter=f"worker = {worker}"), 9) == [run]
        assert store.table.ids(RunSelection(filter=f"sweep = {worker}"), 9) == []
