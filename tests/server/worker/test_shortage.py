"""What a person reads when memory ran out."""

import pytest

from hessianfree_lab.records import JobSpec
from hessianfree_lab.worker.shortage import GpuMemory, gpu_memory, sentence

GIB = 2**30
SAID = "CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 79.10 GiB."
OF_CPU = "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 6442450944 bytes. Error code"
WHOLE = GpuMemory(title="NVIDIA H100", total=80 * GIB, allowed=80 * GIB, own=70 * GIB, others=GIB)
SHARED = GpuMemory(title="NVIDIA H100", total=80 * GIB, allowed=20 * GIB, own=18 * GIB, others=GIB)
CROWDED = GpuMemory(title="NVIDIA H100", total=80 * GIB, allowed=80 * GIB, own=18 * GIB, others=60 * GIB)
BATCHED = JobSpec(problem="images", problem_params={"batch_size": 512})


@pytest.mark.parametrize(
    ("said", "memory", "spec", "expected"),
    [
        (
            SAID,
            WHOLE,
            BATCHED,
            "Out of memory: 2.50 GiB was asked for on NVIDIA H100; this process holds 70.0 GiB; other programs and "
            "CUDA hold 1.0 GiB of the GPU's 80.0 GiB. A smaller problem_params.batch_size (512 now) needs less.",
        ),
        (
            SAID,
            SHARED,
            JobSpec(problem="images", problem_params={"batch_size": None}),
            "Out of memory: 2.50 GiB was asked for on NVIDIA H100; this process holds 18.0 GiB of the 20.0 GiB it may "
            "take; other programs and CUDA hold 1.0 GiB of the GPU's 80.0 GiB. A smaller problem_params.batch_size "
            "(all cases now) needs less. The worker gives a job more with a larger --gpu-memory-fraction, or fewer "
            "--jobs-per-gpu.",
        ),
        (
            "CUDA error: out of memory",
            CROWDED,
            JobSpec(problem="bowl"),
            "Out of memory: more memory was asked for on NVIDIA H100; this process holds 18.0 GiB; other programs and "
            "CUDA hold 60.0 GiB of the GPU's 80.0 GiB. A smaller model, or fewer data, need less. A worker with "
            "--skip-busy-gpus leaves GPUs alone that others use.",
        ),
        (
            OF_CPU,
            None,
            BATCHED,
            "Out of memory: 6.0 GiB was asked for, more than there is. A smaller problem_params.batch_size (512 now) "
            "needs less.",
        ),
        ("std::bad_alloc: out of memory", None, None, "Out of memory: std::bad_alloc: out of memory"),
    ],
)
def test_the_sentence_says_where_how_much_and_what_helps(said, memory, spec, expected):
    assert sentence(said, memory, spec) == expected


def test_a_process_without_a_gpu_has_no_memory_of_one():
    assert gpu_memory(MemoryError()) is None
