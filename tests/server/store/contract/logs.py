"""What every store must do with logs."""

import pytest

from hessianfree_lab.errors import RunNotFound
from hessianfree_lab.store import LogQuery, Store
from server.makers import batch, line


def numbers(entries: list[object]) -> list[int]:
    return [entry.line.number for entry in entries]  # type: ignore[attr-defined]


class LogContract:
    def test_logs_are_read_from_their_end(self, store: Store, run: str) -> None:
        store.append(run, batch(logs=[line(number) for number in range(7)]))
        last = store.logs(run, before=2**53, limit=3)
        assert numbers(last) == [4, 5, 6]
        earlier = store.logs(run, before=last[0].position, limit=3)
        assert numbers(earlier) == [1, 2, 3]
        assert numbers(store.logs(run, before=earlier[0].position, limit=3)) == [0]
        assert numbers(store.logs(run, after=earlier[0].position, before=last[1].position)) == [2, 3, 4]
        assert store.count_logs(run) == 7

    def test_lines_are_found_by_their_text_whatever_its_case(self, store: Store, run: str) -> None:
        words = ["Loss 0.5", "a loss", "100 %", "100", "gloss_y", "under_score", "back\\slash", "\u00c4rger"]
        store.append(run, batch(logs=[line(number, text) for number, text in enumerate(words)]))

        def found(text: str, **part: int) -> list[int]:
            return numbers(store.logs(run, LogQuery(text=text), **part))

        assert found("LOSS") == [0, 1, 4]
        assert found("loss", before=2**53, limit=2) == [1, 4]
        assert found("0 %") == [2]  # what means something in a pattern means itself
        assert found("r_s") == [5]
        assert found("k\\s") == [6]
        assert found("\u00c4rg") == [7]
        assert found("nothing") == []
        assert store.count_logs(run, LogQuery(text="loss")) == 3

    def test_lines_are_told_by_their_stream(self, store: Store, run: str) -> None:
        streams = ["stdout", "stderr", "worker", "stderr"]
        lines = [line(n).model_copy(update={"stream": stream}) for n, stream in enumerate(streams)]
        store.append(run, batch(logs=lines))
        assert numbers(store.logs(run, LogQuery(streams=("stderr",)))) == [1, 3]
        assert numbers(store.logs(run, LogQuery(streams=("stderr", "worker"), text="2"))) == [2]
        assert store.count_logs(run, LogQuery(streams=("stdout",))) == 1

    def test_of_another_run_there_is_nothing(self, store: Store, run: str) -> None:
        with pytest.raises(RunNotFound):
            store.logs("nothing", before=9)
        with pytest.raises(RunNotFound):
            store.count_logs("nothing")
