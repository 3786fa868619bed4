"""Whatever raises, at whatever call: parameters, buffers, modes, state, generators, flags and hooks are as before."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.modules import module as torch_modules

from hessianfree.execution import Execution
from hessianfree.optimizer import HessianFree

WAYS = ["forward", "model", "loss", "grad", "mvp", "M_func", "layer"]


class Interruption(BaseException):
    """Not an Exception: as a KeyboardInterrupt is none."""


class Counting:
    """Counts calls; raises at the one whose turn it is."""

    def __init__(self, at=None):
        self.at, self.calls = at, 0

    def __call__(self):
        self.calls += 1
        if self.calls == self.at:
            raise Interruption


class Layer(nn.Module):
    """Fails in the middle of the model, after its buffer and the statistics before it have changed."""

    def __init__(self):
        super().__init__()
        self.trip = lambda: None
        self.register_buffer("seen", torch.zeros(3, dtype=torch.float64))

    def forward(self, x):
        self.seen.add_(1.0)
        self.register_buffer("last", x.detach().mean(0))
        self.trip()
        return x


class Attention(nn.Module):
    """Over the features, through the kernel that torch chooses."""

    def forward(self, x):
        rows = x[:, None, :, None]
        return nn.functional.scaled_dot_product_attention(rows, rows, rows)[:, 0, :, 0]


class World:
    """A model of everything that a step may touch, its data, an optimizer that has made a step."""

    def __init__(self, batch_norm):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.model = nn.Sequential(
                nn.Linear(4, 3),
                nn.BatchNorm1d(3),
                nn.Dropout(0.4),
                Attention(),
                Layer(),
                nn.Unflatten(1, (1, 3)),
                nn.InstanceNorm1d(1, track_running_stats=True),
                nn.Flatten(),
                nn.Linear(3, 2),
            ).double()
            self.model[6].eval()
            self.x, self.y = (
                torch.randn(12, 4, dtype=torch.float64),
                torch.randn(12, 2, dtype=torch.float64),
            )
        torch.manual_seed(7)
        self.opt = HessianFree(
            self.model.parameters(), damping=2.0, lr=2.0, execution=Execution(batch_norm=batch_norm)
        )

    def advance(self, way, trip=lambda: None):
        def tripping(function):
            def call(*arguments):
                answer = function(*arguments)
                trip()
                return answer

            return call

        self.model[4].trip = trip if way == "layer" else lambda: None
        if way in ("model", "loss"):
            model = tripping(self.model) if way == "model" else self.model
            loss = tripping(nn.functional.mse_loss) if way == "loss" else nn.functional.mse_loss
            batches = [(self.x[:5], self.y[:5]), (self.x[5:], self.y[5:])]
            return self.opt.acc_step(model, loss, batches, test_deterministic=True)

        def forward():
            outputs = self.model(self.x)
            if way == "forward":
                trip()
            return nn.functional.mse_loss(outputs, self.y), outputs

        size = sum(p.numel() for p in self.model.parameters())
        if way == "grad":
            trip()
            return self.opt.step(forward, grad=torch.ones(size + 1 if trip.at else size, dtype=torch.float64))
        given = {way: tripping(lambda v: v / torch.arange(1, size + 1))} if way in ("mvp", "M_func") else {}
        return self.opt.step(forward, **given)

    def snapshot(self):
        return {
            "parameters": [p.detach().clone() for p in self.model.parameters()],
            "buffers": [(name, b, b.clone()) for name, b in self.model.named_buffers()],
            "modes": [module.training for module in self.model.modules()],
            "state": copy.deepcopy(self.opt.state_dict()),
            "generator": torch.get_rng_state(),
            "flags": (
                torch.backends.cudnn.enabled,
                torch.backends.mkldnn.enabled,
                torch.backends.mha.get_fastpath_enabled(),
                torch.backends.cuda.flash_sdp_enabled(),
                torch.backends.cuda.mem_efficient_sdp_enabled(),
                torch.backends.cuda.math_sdp_enabled(),
                torch.is_grad_enabled(),
                torch.is_anomaly_enabled(),
            ),
            "hooks": [
                len(hooks)
                for hooks in (
                    torch_modules._global_forward_pre_hooks,
                    torch_modules._global_forward_hooks,
                    torch_modules._global_forward_hooks_always_called,
                )
            ],
        }


def assert_same(found, expected):
    for part in ("modes", "flags", "hooks"):
        assert found[part] == expected[part], part
    assert torch.equal(found["generator"], expected["generator"])
    for p, q in zip(found["parameters"], expected["parameters"], strict=True):
        assert torch.equal(p, q)
    assert [name for name, _, _ in found["buffers"]] == [name for name, _, _ in expected["buffers"]]
    for (name, tensor, values), (_, expected_tensor, expected_values) in zip(
        found["buffers"], expected["buffers"], strict=True
    ):
        assert tensor is expected_tensor, name
        assert torch.equal(values, expected_values), name
    state, expected_state = found["state"]["state"], expected["state"]["state"]
    assert torch.equal(state.pop("x0"), expected_state.pop("x0"))
    assert state == expected_state
    assert found["state"]["param_groups"] == expected["state"]["param_groups"]


@pytest.fixture(autouse=True)
def own_random_stream():
    with torch.random.fork_rng():
        torch.manual_seed(5)
        yield


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("batch_norm", ["batch", "frozen"])
@pytest.mark.parametrize("way", [way for way in WAYS if way != "grad"])
def test_at_every_call(way, batch_norm):
    counter = Counting()
    World(batch_norm).advance(way, counter)
    assert counter.calls > (4 if way != "M_func" else 2)
    for at in range(1, counter.calls + 1):
        world = World(batch_norm)
        before = world.snapshot()
        with pytest.raises(Interruption):
            world.advance(way, Counting(at))
        assert_same(world.snapshot(), before)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("way", ["forward", "model", "layer"])
def test_the_next_step_goes_on_as_if_nothing_had_been(way):
    world = World("batch")
    world.advance(way)
    world.advance(way)
    disturbed = World("batch")
    disturbed.advance(way)
    for at in (1, 2, 3, 4):
        with pytest.raises(Interruption):
            disturbed.advance(way, Counting(at))
    disturbed.advance(way)
    for p, q in zip(disturbed.model.state_dict().values(), world.model.state_dict().values(), strict=True):
        assert torch.equal(p, q)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_gradient_of_the_wrong_shape():
    world = World("batch")
    before = world.snapshot()
    with pytest.raises(ValueError, match="grad must have shape"):
        world.advance("grad", Counting(at=7))
    assert_same(world.snapshot(), before)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("batch_norm", ["batch", "frozen"])
def test_a_step_that_succeeds_leaves_flags_modes_and_hooks_too(batch_norm):
    world = World(batch_norm)
    before = world.snapshot()
    world.advance("forward")
    after = world.snapshot()
    for part in ("flags", "modes", "hooks"):
        assert after[part] == before[part]
