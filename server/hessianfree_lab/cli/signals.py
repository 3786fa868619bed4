"""How a process of ours is asked to stop."""

import os
import signal
import threading
from types import FrameType


def raise_on_terminate() -> None:
    """Let SIGTERM end this process the way Ctrl-C does, through every `finally`."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def stop_when_stdin_closes() -> None:
    """Send SIGTERM to this process when the other end of its standard input goes away: its parent is dead."""

    def wait() -> None:
        while os.read(0, 4096):  # not sys.stdin: its lock would still be held when the interpreter shuts down
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="parent-watch", daemon=True).start()
