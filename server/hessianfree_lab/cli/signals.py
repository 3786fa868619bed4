"""How a process of ours is asked to stop."""

import os
import signal
import threading
from types import FrameType


def interrupt_on_signals() -> None:
    """Let SIGTERM end this process the way Ctrl-C does, through every `finally`.

    SIGINT is set too: a shell starts what a script puts into the background with SIGINT ignored.
    """

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, interrupt)


def stop_when_stdin_closes() -> None:
    """Send SIGTERM to this process when the other end of its standard input goes away: its parent is dead."""

    def wait() -> None:
        while os.read(0, 4096):  # not sys.stdin: its lock would still be held when the interpreter shuts down
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="parent-watch", daemon=True).start()
