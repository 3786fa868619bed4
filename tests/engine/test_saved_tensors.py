"""Looking at what autograd saves must not keep it: memory is what the looking is about."""

import gc
import weakref

import pytest
import torch

from engine import problems
from hessianfree.curvature import GaussNewton
from hessianfree.curvature.saved import SavedTensors
from hessianfree.parameters import Parameters


@pytest.fixture(autouse=True)
def _without_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_a_graph_that_was_looked_at_is_freed_with_its_last_user():
    problem = problems.make("mse")
    with SavedTensors() as saved:
        loss, outputs = problem.forward()
    own = [weakref.ref(t) for t in saved.tensors if not t.requires_grad and t is not problem.inputs]
    own = [ref for ref in own if ref() is not problem.targets]
    assert own
    del saved
    torch.autograd.grad(loss, problem.parameters, retain_graph=True)
    del loss, outputs
    assert [ref() for ref in own] == [None] * len(own)


def test_a_graph_within_another_is_freed_before_it():
    """As that of J'w, whose products are replayed, while the forward pass is still there to build it again."""
    problem = problems.make("mse")
    with SavedTensors() as outer:
        loss, outputs = problem.forward()
        before = {id(t) for t in outer.tensors}
        with SavedTensors() as inner:
            curvature = GaussNewton(loss, outputs, Parameters([problem.parameters]))
        assert SavedTensors.so_far()[-1] is inner.tensors[-1]
    assert len(outer.tensors) == len(before) + len(inner.tensors)
    known = {t.data_ptr() for t in outer.tensors[: len(before)]} | {p.data_ptr() for p in problem.parameters}
    only_inner = [weakref.ref(t) for t in inner.tensors if t.data_ptr() not in known]
    assert only_inner
    del outer, inner, curvature
    assert any(ref() is None for ref in only_inner)
    alive = [ref() for ref in only_inner if ref() is not None]
    # What stays belongs to the loss and its data.
    assert sum(t.nbytes for t in alive) <= 2 * outputs.nbytes
    assert loss.grad_fn is not None


def test_nothing_is_open_afterwards_even_after_an_exception():
    with pytest.raises(RuntimeError, match="stop"), SavedTensors(), SavedTensors():
        raise RuntimeError("stop")
    assert SavedTensors.so_far() == ()
