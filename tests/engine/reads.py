"""How often the host waits for the device, and steps to count it in."""

from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from hessianfree.optimizer import HessianFree


class CountReads(TorchDispatchMode):
    """Counts what makes the host wait for the device: reads of scalars, by the operator or of a whole tensor."""

    OPERATORS = frozenset({"aten::_local_scalar_dense", "aten::equal", "aten::is_nonzero", "aten::nonzero"})

    def __init__(self):
        super().__init__()
        self.reads = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.reads += function._schema.name in self.OPERATORS
        return function(*args, **(kwargs or {}))


class CountCopies(TorchFunctionMode):
    """Counts the methods that hand a whole tensor to the host and pass by the dispatcher."""

    METHODS = frozenset({"tolist", "numpy", "cpu", "__array__"})

    def __init__(self):
        super().__init__()
        self.reads = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        self.reads += getattr(function, "__name__", "") in self.METHODS
        return function(*args, **(kwargs or {}))


def reads_of(call):
    with CountReads() as scalars, CountCopies() as tensors:
        call()
    return scalars.reads + tensors.reads


def advance(problem, way, iterations, *, curvature_opt, **options):
    """A `step` or `acc_step` of exactly so many CG iterations and nothing else; `options` are of `acc_step`."""
    opt = HessianFree(
        problem.parameters,
        curvature_opt=curvature_opt,
        damping=30.0,
        cg_max_iter=iterations,
        adapt_damping=False,
        use_cg_backtracking=False,
        use_linesearch=False,
    )
    if way == "step":
        opt.step(problem.forward)
    else:
        opt.acc_step(problem.model, problem.loss_function, problem.batches(), **options)
    assert opt.last_report.cg_iterations == iterations
