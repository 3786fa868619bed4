"""How ends are put into words."""

import signal

import pytest
import torch

from hessianfree_lab.errors import Fault, InvalidRequest, LabError
from hessianfree_lab.training.errors import Diverged
from hessianfree_lab.worker.ending import OUT_OF_MEMORY_CODE, failed, memory_kills, of_exception, of_exit


def raised(function):
    try:
        function()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def torch_allocates_too_much():
    return torch.empty(2**60, dtype=torch.uint8)


def python_allocates_too_much():
    return bytearray(2**60)


@pytest.mark.parametrize(
    ("error", "cause", "start"),
    [
        (InvalidRequest([Fault("a", "a is 3; it must be 2.")]), "invalid", "a is 3; it must be 2."),
        (Diverged(7, "loss", float("nan")), "diverged", "Diverged: loss is nan at step 7."),
        (raised(python_allocates_too_much), "out_of_memory", "Out of memory: "),
        (raised(torch_allocates_too_much), "out_of_memory", "Out of memory: "),
        (
            torch.OutOfMemoryError("CUDA out of memory."),
            "out_of_memory",
            "Out of memory: CUDA out of memory.",
        ),
        (
            RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)"),
            "out_of_memory",
            "Out of memory: CUDA error: CUBLAS_STATUS_ALLOC_FAILED",
        ),
        (
            RuntimeError("rank 1: OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB."),
            "out_of_memory",
            "Out of memory: rank 1: OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.",
        ),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), "error", "RuntimeError: CUDA"),
        (ValueError("shapes do not match\nmore"), "error", "ValueError: shapes do not match\n\n"),
        (RuntimeError(), "error", "RuntimeError: no further word"),
        (LabError("The disk is full."), "error", "The disk is full."),
    ],
)
def test_exceptions(error, cause, start):
    request = of_exception(3, error)
    assert (request.attempt, request.state, request.cause) == (3, "failed", cause)
    assert request.error.startswith(start)


def test_a_traceback_follows_the_sentence_and_its_end_is_kept():
    def deep(n):
        if n == 0:
            raise KeyError("x" * 30_000)
        deep(n - 1)

    request = of_exception(1, raised(lambda: deep(50)))
    assert len(request.error) <= 20_000
    assert request.error.startswith("KeyError: 'xxx")
    request = failed(1, "error", "Short.", "a" * 30_000 + "the end")
    assert request.error.startswith("Short.\n\na")
    assert request.error.endswith("the end")


@pytest.mark.parametrize(
    ("code", "killed_for_memory", "cause", "words"),
    [
        (-signal.SIGSEGV, False, "error", "crashed (SIGSEGV)"),
        (-signal.SIGKILL, True, "out_of_memory", "because memory ran out"),
        (3, False, "error", "ended by itself with exit code 3"),
        (OUT_OF_MEMORY_CODE, False, "out_of_memory", "in another process of this job"),
        (1, True, "error", "exit code 1"),
    ],
)
def test_deaths(code, killed_for_memory, cause, words):
    request = of_exit(2, code, killed_for_memory=killed_for_memory)
    assert (request.state, request.cause) == ("failed", cause)
    assert words in request.error


@pytest.mark.parametrize(
    "words",
    [
        "CUDA error: uncorrectable ECC error encountered\nCUDA kernel errors might be reported later",
        "CUDA error: unknown error",
        "No CUDA GPUs are available",
        "CUDA error: CUDA-capable device(s) is/are busy or unavailable",
    ],
)
def test_a_job_whose_gpu_failed_may_be_tried_again(words):
    request = of_exception(2, RuntimeError(words))
    assert (request.state, request.cause) == ("interrupted", "device")
    assert request.error == f"The GPU failed: {words.splitlines()[0]}"


def test_the_systems_count_of_kills_concerns_its_own_signal_alone():
    assert of_exit(2, -signal.SIGTERM, killed_for_memory=True).cause == "killed"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_job_that_was_killed_from_outside_may_be_tried_again(number):
    request = of_exit(2, -number, killed_for_memory=False)
    assert (request.state, request.cause) == ("interrupted", "killed")
    assert request.error == f"The job's process was killed by {number.name}."


def test_the_kernels_count_of_kills_is_a_number():
    assert memory_kills() >= 0
