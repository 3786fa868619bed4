"""Keeps what a job prints from filling the disk."""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from hessianfree_lab.client.extents import MAX_OUTPUT_BYTES
from hessianfree_lab.client.spool import STDERR, STDOUT

LOOK_SECONDS = 0.25


@contextlib.contextmanager
def limited_output(directory: Path, *, max_bytes: int = MAX_OUTPUT_BYTES) -> Iterator[None]:
    """While the context lasts the files of a job's output in `directory` are cut where they are longer.

    Their writers append, so that they go on at the end of what is left. A pipe instead would let a job wait for its
    reader, and lose what is in it when that dies.
    """
    is_over = threading.Event()

    def watch() -> None:
        while True:
            ends = is_over.wait(LOOK_SECONDS)
            for name in (STDOUT, STDERR):
                with contextlib.suppress(OSError):
                    if (directory / name).stat().st_size > max_bytes:
                        os.truncate(directory / name, max_bytes)
            if ends:
                return

    thread = threading.Thread(target=watch, name="output-limit", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
