"""Running statistics and other buffers: a step changes them as one forward pass at its start does, or not at all."""

import pytest
import torch
from torch import nn

from engine.buffered import LAYERS, advance, assert_equal, buffers, made
from hessianfree.execution import Execution
from hessianfree.optimizer import HessianFree

WAYS = ["step", "acc_step"]


@pytest.mark.parametrize("curvature_opt", ["ggn", "hessian"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", LAYERS)
def test_buffers_change_as_by_one_pass_at_the_start(name, way, curvature_opt):
    model, (x, y) = made(name)
    opt = HessianFree(model.parameters(), curvature_opt=curvature_opt, damping=5.0)
    for _ in range(3):
        twin, _ = made(name)
        for key in model._modules["1"].state_dict():
            if key == "new":
                twin[1].register_buffer("new", None)
            if key == "late":
                twin[1].late = torch.zeros(3, dtype=torch.float64)
        if name == "codebook" and "new" in model[1]._buffers:
            twin[1]._buffers["new"] = model[1].new.clone()
        twin.load_state_dict(model.state_dict())
        for part in (x,) if way == "step" else (x[:5], x[5:]):
            twin(part)
        kept = dict(model.named_buffers())
        advance(opt, model, (x, y), way, test_deterministic=True)
        assert_equal(buffers(model), buffers(twin))
        for key, tensor in model.named_buffers():
            assert key.endswith(("rebound", "late", "new")) or tensor is kept[key]


def test_a_loss_that_depends_on_buffers_is_one_function():
    """`test_deterministic` above would have warned; and the loss told is that with the buffers of the start."""
    model, (x, y) = made("codebook")
    twin, _ = made("codebook")
    opt = HessianFree(model.parameters(), damping=5.0)
    told = advance(opt, model, (x, y), "step")
    with torch.no_grad():
        for p, q in zip(twin.parameters(), model.parameters(), strict=True):
            p.copy_(q)
    assert told == pytest.approx(nn.functional.mse_loss(twin(x), y).item(), rel=1e-12)


FROZEN = Execution(batch_norm="frozen")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["batch norm", "cumulative", "without weights", "instance norm"])
def test_frozen_uses_running_statistics_and_leaves_them(name, way):
    """The same step as with the whole model in evaluation mode, which has no other layer that cares."""
    model, data = made(name)
    model(3 * data[0] + 1)
    twin, _ = made(name)
    twin.load_state_dict(model.state_dict())
    twin.eval()
    before = buffers(model)
    modes = [module.training for module in model.modules()]
    frozen = HessianFree(model.parameters(), damping=5.0, execution=FROZEN)
    plain = HessianFree(twin.parameters(), damping=5.0)
    for _ in range(2):
        advance(frozen, model, data, way, test_deterministic=True)
        advance(plain, twin, data, way)
    assert_equal(buffers(model), before)
    assert modes == [module.training for module in model.modules()] == [True] * len(modes)
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(p, q)


@pytest.mark.parametrize("name", ["untracked", "untracked instance norm"])
def test_layers_without_running_statistics_cannot_be_frozen_and_go_on(name):
    model, data = made(name)
    twin, _ = made(name)
    advance(HessianFree(model.parameters(), damping=5.0, execution=FROZEN), model, data, "step")
    advance(HessianFree(twin.parameters(), damping=5.0), twin, data, "step")
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(p, q)


def test_frozen_leaves_dropout_and_modes_in_between_alone():
    """Only normalization layers change their mode, only while they run."""
    seen = []

    class Norm(nn.BatchNorm1d):
        def forward(self, x):
            seen.append(("norm", self.training))
            return super().forward(x)

    class Outer(nn.Sequential):
        def forward(self, x):
            y = super().forward(x)
            seen.append(("outer", self.training and all(module.training for module in self)))
            return y

    model, data = made("batch norm")
    model[1] = Outer(Norm(3).double(), nn.Dropout(0.1))
    advance(HessianFree(model.parameters(), damping=5.0, execution=FROZEN), model, data, "step")
    assert set(seen) == {("norm", False), ("outer", True)}


def test_a_mode_that_the_closure_sets_stays():
    """As loops do that end a pass in evaluation mode."""
    model, (x, y) = made("batch norm")

    def forward():
        model.train()
        outputs = model(x)
        model.eval()
        return nn.functional.mse_loss(outputs, y), outputs

    for execution in (Execution(), FROZEN):
        HessianFree(model.parameters(), damping=5.0, execution=execution).step(forward)
        assert not any(module.training for module in model.modules())


def test_an_unknown_policy_is_refused():
    with pytest.raises(ValueError, match='batch_norm must be "batch" or "frozen"; got \'none\''):
        Execution(batch_norm="none")


@pytest.mark.parametrize("fails", [False, True])
def test_test_reduction_leaves_the_buffers(fails):
    model, (x, y) = made("batch norm")
    if not fails:
        model[1].eval()
        model[1].momentum = 1.0
    before = buffers(model)
    opt = HessianFree(model.parameters())
    batches = [(x[:5], y[:5]), (x[5:], y[5:])]
    if fails:
        with pytest.raises(RuntimeError):
            opt.test_reduction(model, nn.functional.mse_loss, batches, "mean")
    else:
        opt.test_reduction(model, nn.functional.mse_loss, batches, "mean")
    assert_equal(buffers(model), before)


def test_models_of_other_threads_are_left_alone():
    """Their passes during a step are none of its own: what they change stays changed."""
    import threading

    model, (x, y) = made("batch norm")
    other = nn.BatchNorm1d(4).double()

    def forward():
        thread = threading.Thread(target=other, args=(x,))
        thread.start()
        thread.join()
        outputs = model(x)
        return nn.functional.mse_loss(outputs, y), outputs

    opt = HessianFree(model.parameters(), damping=5.0, execution=FROZEN)
    opt.step(forward)
    assert other.num_batches_tracked == 1 + opt.last_report.loss_evaluations
    assert model[1].num_batches_tracked == 0


class Counter(nn.Module):
    """Counts its passes; mixes no samples."""

    def __init__(self):
        super().__init__()
        self.register_buffer("passes", torch.zeros(()))

    def forward(self, x):
        self.passes += 1
        return x


def test_a_check_that_passes_leaves_the_buffers_that_it_changed():
    model, (x, y) = made("without buffers")
    model.append(Counter())
    opt = HessianFree(model.parameters())
    opt.test_reduction(model, nn.functional.mse_loss, [(x[:5], y[:5]), (x[5:], y[5:])], "mean")
    assert model[-1].passes == 0


def test_buffers_that_no_pass_changes_are_copied_for_the_first_one_only():
    """A mask may be large. What the later passes see is the module's own tensor."""

    class Masked(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("mask", torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64))
            self.seen = []

        def forward(self, x):
            self.seen.append(self.mask)
            return x * self.mask

    model, data = made("without buffers")
    model[1] = Masked()
    own = model[1].mask
    opt = HessianFree(model.parameters(), damping=5.0)
    advance(opt, model, data, "step")
    assert [seen is own for seen in model[1].seen] == [False] + [True] * opt.last_report.loss_evaluations
    assert model[1].mask is own
