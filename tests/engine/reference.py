"""The algorithm once more, written to be read and not to be fast.

Every step forms the curvature as a dense matrix, one row a backward pass, and then does what Martens' papers
say in the order in which docs/engine.md says it. The engine must arrive at the same parameters.
"""

import math
from dataclasses import dataclass, field

import torch


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The optimizer's keywords, with the same defaults."""

    curvature_opt: str = "ggn"
    damping: float = 1.0
    adapt_damping: bool = True
    cg_max_iter: int | None = 250
    cg_decay_x0: float = 0.95
    use_cg_backtracking: bool = True
    lr: float = 1.0
    use_linesearch: bool = True


@dataclass
class History:
    """What every step saw; one entry a step."""

    init_losses: list = field(default_factory=list)
    final_losses: list = field(default_factory=list)
    dampings: list = field(default_factory=list)
    ratios: list = field(default_factory=list)
    reductions: list = field(default_factory=list)  # (predicted, actual), positive when good
    angles: list = field(default_factory=list)  # of the step to steepest descent, in degrees; None: no step
    parameter_norms: list = field(default_factory=list)  # before the step
    cg_reasons: list = field(default_factory=list)
    num_cg_iters: list = field(default_factory=list)
    best_cg_iters: list = field(default_factory=list)
    learning_rates: list = field(default_factory=list)


class ReferenceHessianFree:
    """A Hessian-free optimizer over `params`, of which the frozen ones are left out."""

    def __init__(self, params, **settings):
        self.settings = Settings(**settings)
        self.params = [p for p in params if p.requires_grad]
        self.damping = self.settings.damping
        self.last_iterate = None
        self.history = History()

    def step(self, forward, M_func=None, grad=None, B=None):
        """One step on `forward() -> (loss, outputs)`; `grad` `[P]` and `B` `[P, P]` override its derivatives."""
        settings, history = self.settings, self.history
        origin = flatten(self.params)

        def f(step):
            self.write(origin + step)
            loss = forward()[0].item()
            self.write(origin)
            return loss

        # 1. The quadratic model at the current parameters.
        loss, outputs = forward()
        f_0 = loss.item()
        g = gradient(loss, self.params) if grad is None else grad
        if B is None:
            B = (
                hessian(loss, self.params)
                if settings.curvature_opt == "hessian"
                else ggn(loss, outputs, self.params)
            )
        A = B + self.damping * torch.eye(len(g), dtype=g.dtype)

        # 2. Its minimum, nearly.
        x_0 = torch.zeros_like(g)
        if self.last_iterate is not None:
            x_0 = settings.cg_decay_x0 * self.last_iterate
        max_iter = len(g) if settings.cg_max_iter is None else settings.cg_max_iter
        iterates, values, reason = conjugate_gradient(A, -g, x_0, M_func, max_iter, relative_progress=True)
        self.last_iterate = iterates[-1]
        last = len(iterates) - 1
        history.init_losses.append(f_0)
        history.dampings.append(self.damping)
        history.cg_reasons.append(reason)
        history.num_cg_iters.append(last)

        # 3. How far the model is to be trusted; both differences are taken from the parameters themselves.
        if settings.adapt_damping:
            predicted = values[-1]
            ratio = (f(iterates[-1]) - f_0) / predicted if predicted != 0 else math.nan
            history.ratios.append(ratio)
            history.reductions.append((-predicted, f_0 - f(iterates[-1])))
            if ratio < 0.25:
                self.damping = self.damping * 3 / 2
            elif ratio > 0.75:
                self.damping = self.damping * 2 / 3

        # 4. An earlier iterate is often better than the last.
        step = iterates[-1]
        if settings.use_cg_backtracking:
            kept = [i for i in storing_grid(max_iter) if i < last] + [last]
            best, best_loss = kept[-1], f(iterates[kept[-1]])
            for i in reversed(kept[:-1]):
                candidate_loss = f(iterates[i])
                if candidate_loss >= best_loss:
                    break
                best, best_loss = i, candidate_loss
            step = iterates[best]
            history.best_cg_iters.append(best)

        # 5. How far to go along it.
        scale = settings.lr
        if settings.use_linesearch:
            slope = torch.dot(g, step).item()
            for _ in range(20):
                if f(scale * step) <= f_0 + 1e-2 * scale * slope:
                    break
                scale = 0.8 * scale
            else:
                scale = 0.0

        # 6. Go.
        history.parameter_norms.append(math.sqrt((origin**2).sum().item()))
        history.angles.append(angle(-g, scale * step))
        self.write(origin + scale * step)
        history.learning_rates.append(scale)
        history.final_losses.append(forward()[0].item())
        return history.final_losses[-1]

    def write(self, vector):
        """Set the parameters to `vector` `[P]`."""
        position = 0
        with torch.no_grad():
            for p in self.params:
                p.copy_(vector[position : position + p.numel()].reshape(p.shape))
                position += p.numel()


def flatten(tensors):
    return torch.cat([t.detach().reshape(-1) for t in tensors])


def angle(a, b):
    """Degrees between two vectors, from sum and difference of their directions, which is exact for small ones too."""
    if not a.any() or not b.any():
        return None
    a, b = a / a.norm(), b / b.norm()
    return math.degrees(2 * math.atan2((a - b).norm().item(), (a + b).norm().item()))


def gradient(scalar, params, create_graph=False):
    """d scalar / d params as one vector `[P]`; zero where `scalar` does not depend on a parameter."""
    zeros = [torch.zeros_like(p) for p in params]
    if not scalar.requires_grad:
        return torch.cat([z.reshape(-1) for z in zeros])
    grads = torch.autograd.grad(
        scalar, params, retain_graph=True, create_graph=create_graph, allow_unused=True
    )
    return torch.cat([(z if g is None else g).reshape(-1) for g, z in zip(grads, zeros, strict=True)])


def hessian(loss, params):
    """The loss's Hessian, `[P, P]`: row i is the gradient of the gradient's entry i."""
    g = gradient(loss, params, create_graph=True)
    return torch.stack([gradient(entry, params) for entry in g]).detach()


def ggn(loss, outputs, params):
    """J'HJ, `[P, P]`, with J the Jacobian of all outputs and H the loss's Hessian with respect to them."""
    J = torch.stack([gradient(entry, params) for entry in outputs.reshape(-1)]).detach()
    d_loss = gradient(loss, [outputs], create_graph=True)
    H = torch.stack([gradient(entry, [outputs]) for entry in d_loss]).detach()
    return J.T @ H @ J


def storing_grid(max_iter):
    """Iterations whose iterates are kept: ceil(1.3**j) - 1, up to the first that reaches `max_iter`."""
    grid, j = [], 0
    while not grid or grid[-1] < max_iter:
        point = math.ceil(1.3**j) - 1
        if point not in grid:
            grid.append(point)
        j += 1
    return grid


def conjugate_gradient(A, b, x_0, M=None, max_iter=None, relative_progress=False, tol=1e-5):
    """All iterates, the quadratic's value at each, and why it ended. `A` is a matrix, `M` a function or None."""
    max_iter = len(b) if max_iter is None else max_iter

    def m(x):
        return (0.5 * torch.dot(x, A @ x) - torch.dot(b, x)).item()

    x = x_0.clone()
    r = b - A @ x
    z = r if M is None else M(r)
    p = z
    iterates, values = [x], [m(x)]
    i = 0
    while True:
        k = max(10, i // 10)
        if relative_progress and i > k and (values[i] - values[i - k]) / (values[i] - values[0]) < 5e-4:
            return iterates, values, "Convergence (Martens)"
        if i == max_iter:
            return iterates, values, "Number of iterations"
        if torch.isnan(r).any():
            return iterates, values, "Divergence"
        if r.norm() < tol * b.norm():
            return iterates, values, "Convergence (tolerances)"
        Ap = A @ p
        rz = torch.dot(r, z)
        alpha = rz / torch.dot(p, Ap)
        x = x + alpha * p
        r = r - alpha * Ap
        z = r if M is None else M(r)
        beta = torch.dot(r, z) / rz
        p = z + beta * p
        i += 1
        iterates.append(x)
        values.append(m(x))
