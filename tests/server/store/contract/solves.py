"""What every store must do with the inner solves of many steps."""

import math

import pytest

from hessianfree_lab.errors import RunNotFound
from hessianfree_lab.records.solves import SolveSample
from hessianfree_lab.store import Store
from server.makers import batch, finish, trace

SLICE = [{"scale": 1.0, "loss": 2.0, "model": 1.5}]


class SolveContract:
    def test_the_latest_inner_solve_up_to_a_step(self, store: Store, run: str) -> None:
        store.append(run, batch(cg=[trace(2, slice=SLICE), trace(5, slice=SLICE), trace(9), trace(300)]))
        found = {up_to: store.solves.latest(run, up_to=up_to) for up_to in (1, 2, 8, 9, 299, None)}
        assert {up_to: one and one.step for up_to, one in found.items()} == {
            1: None,
            2: 2,
            8: 5,
            9: 9,
            299: 9,
            None: 300,
        }
        assert found[2] == store.trace(run, 2)

    def test_the_latest_inner_solve_with_the_loss_along_its_step(self, store: Store, run: str) -> None:
        store.append(run, batch(cg=[trace(2, slice=SLICE), trace(3), trace(5, slice=SLICE), trace(9)]))
        for up_to, step in ((None, 5), (9, 5), (4, 2), (2, 2)):
            sliced = store.solves.latest(run, up_to=up_to, sliced=True)
            assert sliced is not None
            assert sliced.step == step
            assert sliced.slice[0].model == 1.5
        assert store.solves.latest(run, up_to=1, sliced=True) is None

    def test_solves_of_many_steps_with_what_is_not_finite(self, store: Store, run: str) -> None:
        store.append(
            run,
            batch(
                cg=[
                    trace(1, residual_norms=[2.0, math.inf, math.nan], ritz_values=[-math.inf, 1.0]),
                    trace(4, residual_norms=[3], ritz_values=[], preconditioned=True),
                ]
            ),
        )
        sample = store.solves.sample(run)
        assert sample.every == 1
        first, last = sample.solves
        assert (first.step, last.step) == (1, 4)
        assert repr(first.residual_norms) == "[2.0, inf, nan]"
        assert (first.ritz_values, last.ritz_values) == ([-math.inf, 1.0], [])
        assert (first.preconditioned, last.preconditioned) == (False, True)

    def test_a_sample_of_solves_stands_still_while_a_run_grows(self, store: Store, run: str) -> None:
        def steps_of(**bounds: int) -> tuple[int, list[int]]:
            found = store.solves.sample(run, most=8, **bounds)
            return found.every, [one.step for one in found.solves]

        store.append(run, batch(cg=[trace(step) for step in range(1, 9)]))
        assert steps_of() == (1, [1, 2, 3, 4, 5, 6, 7, 8])
        store.append(run, batch(cg=[trace(step) for step in range(9, 14)]))
        assert steps_of() == (2, [1, 3, 5, 7, 9, 11, 13])
        store.append(run, batch(cg=[trace(14), trace(15), trace(16)]))
        assert steps_of() == (2, [1, 3, 5, 7, 9, 11, 13, 15])
        store.append(run, batch(cg=[trace(40)]))
        assert steps_of() == (8, [1, 9, 40])
        assert steps_of(start=2, stop=10) == (2, [2, 3, 5, 7, 9])
        assert steps_of(start=5, stop=12) == (1, [5, 6, 7, 8, 9, 10, 11, 12])

    def test_solves_of_an_attempt_that_gave_way_are_gone(self, store: Store, run: str, worker: str) -> None:
        store.append(run, batch(cg=[trace(step) for step in (1, 2, 3)]))
        store.finish(run, finish("interrupted"))
        store.claim_job(worker)
        store.append(run, batch(attempt=2, cg=[trace(2)]))
        assert [one.step for one in store.solves.sample(run).solves] == [1, 2]
        latest = store.solves.latest(run)
        assert latest is not None
        assert latest.step == 2

    def test_a_run_without_solves(self, store: Store, run: str) -> None:
        assert store.solves.sample(run) == SolveSample()
        assert store.solves.latest(run) is None
        for ask in (store.solves.sample, store.solves.latest):
            with pytest.raises(RunNotFound):
                ask("no-such-run")
