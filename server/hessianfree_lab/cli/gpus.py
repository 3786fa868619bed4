"""What the doctor has to say of NVIDIA's driver: that it is there, and which GPUs it tells of."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from hessianfree_lab.cli.surroundings import BAD, GOOD, NOTE, Finding

LOOK_SECONDS = 60.0
# A process of its own: a driver that hangs, or crashes, takes that along and not the doctor.
LOOK = """
import dataclasses, json
from hessianfree_lab.worker.nvml import open_nvml
print(json.dumps(dataclasses.asdict(open_nvml().look())))
"""


def told_by_nvml() -> Iterator[Finding]:
    """Asks the driver of this machine."""
    try:
        asked = subprocess.run(
            [sys.executable, "-c", LOOK], capture_output=True, text=True, timeout=LOOK_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        yield (
            BAD,
            f"NVIDIA's driver did not answer within {LOOK_SECONDS:.0f} seconds: look at it with nvidia-smi.",
        )
        return
    if asked.returncode != 0:
        last_words = (asked.stderr.strip().splitlines() or ["no message"])[-1].rstrip(".")
        yield BAD, f"NVIDIA's driver cannot be asked (exit code {asked.returncode}): {last_words}."
        return
    yield from findings(json.loads(asked.stdout))


def findings(look: dict[str, Any]) -> Iterator[Finding]:
    """Of a `Look` of worker/nvml.py, as a dictionary."""
    if look["trouble"] is not None:
        words = "None can be trained on; where there should be one, look at its driver: nvidia-smi."
        yield NOTE, f"NVIDIA's driver tells of no GPU: {look['trouble']}. {words}"
        return
    well = [gpu for gpu in look["gpus"] if gpu["fault"] is None]
    told = ", ".join(_named(gpu) for gpu in well) or "no GPU that can be trained on"
    yield GOOD if well else NOTE, f"NVIDIA's driver {look['driver'] or 'of unknown version'}: {told}."
    for gpu in look["gpus"]:
        if gpu["fault"] is not None:
            remedy = (
                "No job starts there. Look at it with nvidia-smi; the machine may have to be started anew."
            )
            yield BAD, f"The GPU {gpu['uuid']} has failed: {gpu['fault']}. {remedy}"


def _named(gpu: dict[str, Any]) -> str:
    instance = f", an instance that MIG made of {gpu['parent']}" if gpu["parent"] else ""
    return f"{gpu['title'] or 'a GPU'} ({gpu['uuid']}{instance})"
