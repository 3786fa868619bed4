"""Torch's compiler, whose import takes seconds and which no step of ours is made by."""

from torch.optim import Optimizer

GUARDED = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
"""Methods that torch exempts from compilation when one is first called, and imports its compiler for that."""


def leave_unloaded() -> None:
    """Say of them that they have been seen to already.

    A problem that compiles its own model has the compiler as ever: these methods are no part of a model. Steps of
    torch's own optimizers import it all the same.
    """
    for name in GUARDED:
        plain = getattr(getattr(Optimizer, name), "__wrapped__", None)
        if plain is not None:
            vars(plain).setdefault("__dynamo_disable", plain)
