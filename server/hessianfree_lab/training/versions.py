"""What a job runs in, written down for whoever wants to repeat it."""

import os
import platform
import socket
from importlib.metadata import version
from typing import Any

import torch

from hessianfree_lab.training.devices import devices
from hessianfree_lab.version import __version__


def versions() -> dict[str, str]:
    """Versions of what decides over results."""
    return {
        "hessianfree-lab": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": version("numpy"),
        "scikit-learn": version("scikit-learn"),
        "backpack": version("backpack-for-pytorch"),
    }


def environment(device: torch.device) -> dict[str, Any]:
    """Versions, host, device and threads of this process."""
    titles = {entry.name: entry.title for entry in devices()}
    return {
        **versions(),
        "platform": platform.platform(),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "device": str(device),
        "device_title": titles.get(str(device), ""),
        "threads": torch.get_num_threads(),
        "cuda": torch.version.cuda,
    }
