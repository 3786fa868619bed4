"""What every store must do with events, and with those who wait for them."""

from typing import Any

from hessianfree_lab.records import HeldRun
from hessianfree_lab.store import Event, Store
from hessianfree_lab.store.interface import EVENTS, QUEUE, commands_for
from server.makers import batch, finish, line, spec, steps


class EventContract:
    def test_every_change_of_a_run_is_an_event(self, store: Store, worker: str) -> None:
        seen = [store.last_event_id()]

        def new_kinds() -> list[str]:
            found = store.events(seen[-1])
            seen.extend(event.id for event in found)
            return [event.kind for event in found]

        run, _ = store.add_job(spec())
        assert new_kinds() == ["run"]
        store.claim_job(worker)
        assert new_kinds() == ["run", "workers"]
        store.append(run.id, steps(1, 2))
        assert new_kinds() == ["run"]
        store.append(run.id, batch(logs=[line(0)]))
        assert new_kinds() == []
        store.heartbeat(worker, [HeldRun(run=run.id, attempt=1)])
        assert new_kinds() == []
        store.request_cancel(run.id)
        assert new_kinds() == ["run"]
        store.finish(run.id, finish("cancelled"))
        assert new_kinds() == ["run", "workers"]
        store.remove_run(run.id)
        assert new_kinds() == ["removed"]
        assert seen == sorted(set(seen))

    def test_named_runs_bring_their_steps_and_logs(self, store: Store, run: str) -> None:
        other, _ = store.add_job(spec())
        before = store.last_event_id()
        store.append(run, batch(*steps(1, 2, loss=float("nan")).steps, logs=[line(0, "hi")]))
        store.set_priority(other.id, 1)
        found = self._by_kind(store.events(before, runs=frozenset({run})))
        assert found["run"]["progress"]["step"] == 2
        assert (found["steps"]["run"], found["steps"]["attempt"]) == (run, 1)
        assert [record["step"] for record in found["steps"]["steps"]] == [1, 2]
        assert found["steps"]["steps"][0]["metrics"] == {"loss": "NaN"}
        assert [text["text"] for text in found["logs"]["lines"]] == ["hi"]
        overview = store.events(before)
        assert {event.kind for event in overview} == {"run"}
        assert [event.data["id"] for event in overview] == [run, other.id]

    def test_who_comes_back_gets_all_since(self, store: Store, run: str) -> None:
        """Whatever event a reader stops after, it misses no step and no log line."""
        start = store.last_event_id()
        for number in range(1, 16, 3):
            store.append(run, steps(number, number + 2))
            store.append(run, batch(logs=[line(number)]))
        everything = frozenset({run})
        stops = [start] + [event.id for event in store.events(start, runs=everything, limit=1000)]
        for limit in (1, 3, 200):
            for stop in stops:
                drawn, printed = self._read(store, start, everything, limit, until=stop)
                rest, more = self._read(store, stop, everything, limit)
                assert sorted({*drawn, *rest}) == list(range(1, 16))
                assert sorted({*printed, *more}) == list(range(1, 16, 3))

    def test_neighbours_come_as_one(self, store: Store, run: str) -> None:
        before = store.last_event_id()
        for number in range(1, 11):
            store.append(run, steps(number, number))
        found = store.events(before, runs=frozenset({run}))
        assert [event.kind for event in found] == ["steps", "run"]
        assert [record["step"] for record in found[0].data["steps"]] == list(range(1, 11))

    def test_replay_shows_a_run_as_it_is_now(self, store: Store, run: str, worker: str) -> None:
        before = store.last_event_id()
        store.append(run, steps(1, 10))
        store.finish(run, finish("interrupted"))
        store.claim_job(worker)
        store.append(run, steps(4, 5, attempt=2))
        replayed = [
            event.data for event in store.events(before, runs=frozenset({run})) if event.kind == "steps"
        ]
        assert [(data["attempt"], [r["step"] for r in data["steps"]]) for data in replayed] == [
            (1, [1, 2, 3]),
            (2, [4, 5]),
        ]

    def test_what_is_left_of_nothing_hides_nothing(self, store: Store, run: str, worker: str) -> None:
        before = store.last_event_id()
        for number in range(2, 8):
            store.append(run, steps(number, number))
        store.finish(run, finish("interrupted"))
        store.claim_job(worker)
        store.append(run, steps(1, 1, attempt=2))
        found = store.events(before, runs=frozenset({run}), limit=2)
        assert found
        assert found[0].kind != "steps" or found[0].data["attempt"] == 2

    def test_listeners_hear_of_commits_only(self, store: Store, worker: str) -> None:
        heard: list[frozenset[str]] = []
        store.subscribe(heard.append)
        run, _ = store.add_job(spec())
        assert heard == [frozenset({EVENTS, QUEUE})]
        store.claim_job(worker)
        heard.clear()
        store.request_cancel(run.id)
        assert heard == [frozenset({EVENTS, commands_for(worker)})]
        heard.clear()
        store.append(run.id, steps(1, 1))
        store.append(run.id, steps(1, 1))
        assert heard == [frozenset({EVENTS})]
        heard.clear()
        try:
            store.append(run.id, steps(2, 2, attempt=7))
        except Exception:
            assert heard == []
        store.finish(run.id, finish("interrupted"))
        assert heard == [frozenset({EVENTS})]
        heard.clear()
        store.requeue(run.id, from_scratch=False)
        assert heard == [frozenset({EVENTS, QUEUE})]

    @staticmethod
    def _by_kind(events: list[Event]) -> dict[str, dict[str, Any]]:
        assert len({event.kind for event in events}) == len(events)
        return {event.kind: event.data for event in events}

    @staticmethod
    def _read(
        store: Store, after: int, runs: frozenset[str], limit: int, until: int | None = None
    ) -> tuple[list[int], list[int]]:
        drawn: list[int] = []
        printed: list[int] = []
        while found := store.events(after, runs=runs, limit=limit):
            for event in found:
                if until is not None and event.id > until:
                    return drawn, printed
                drawn += [record["step"] for record in event.data.get("steps", [])]
                printed += [text["number"] for text in event.data.get("lines", [])]
                after = event.id
        return drawn, printed
