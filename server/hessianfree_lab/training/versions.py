"""What a job runs in, written down for whoever wants to repeat it."""

import os
import platform
import socket
from importlib.metadata import version
from typing import Any

import torch

from hessianfree_lab.training.devices import gpu, processor
from hessianfree_lab.variables import VISIBLE_DEVICES
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
        "pytorch-optimizer": version("pytorch-optimizer"),
    }


def environment(device: torch.device) -> dict[str, Any]:
    """Versions, host, device and threads of this process."""
    place = gpu(device.index or 0) if device.type == "cuda" else processor()
    return {
        **versions(),
        "platform": platform.platform(),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "device": str(device),
        "device_title": place.title,
        **(
            {"device_uuid": place.uuid, "visible_devices": os.environ.get(VISIBLE_DEVICES)}
            if place.uuid
            else {}
        ),
        "threads": torch.get_num_threads(),
        "cuda": torch.version.cuda,
    }
