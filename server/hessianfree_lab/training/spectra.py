"""Spectra of a task's loss, whichever optimizer trains it."""

from typing import Literal
from warnings import warn

from hessianfree.errors import ClosureError
from hessianfree.optimizer import HessianFree
from hessianfree_lab.records import Scalar, Spectrum
from hessianfree_lab.records.reports import spectrum_of
from hessianfree_lab.training.problems.interface import Task


def spectrum_of_task(
    task: Task, step: int, matrix: Literal["hessian", "ggn"], *, seed: int
) -> Spectrum | None:
    """The spectrum on the present batch, at the present parameters; None, and a warning, where it is not finite.

    Parameters, buffers and random numbers are as before. `seed` is the probes', which are the same at every step: so
    that what changes between two spectra is the matrix alone.
    """
    inspector = HessianFree(
        task.parameters
    )  # never steps: the engine's products and discipline around the task
    try:
        return spectrum_of(step, matrix, inspector.spectrum(task.forward, matrix, seed=seed))
    except ClosureError as error:
        warn(f"There is no spectrum at step {step}: {error}.", stacklevel=2)
        return None


def extremes_of(spectrum: Spectrum) -> dict[str, Scalar]:
    """The spectrum as metrics of its step."""
    return {
        "spectrum_largest": spectrum.largest,
        "spectrum_smallest": spectrum.smallest,
        "spectrum_trace": spectrum.trace,
    }
