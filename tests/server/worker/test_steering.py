"""What is asked of a job, in the main thread: when it takes effect, and when it has to wait."""

import os
import signal
import threading
import time

import pytest

from hessianfree_lab.client.extents import read_extent
from hessianfree_lab.client.spool import Position, Spool
from hessianfree_lab.records import Command
from hessianfree_lab.worker.steering import Steering, Stopped
from system.launch import wait_until


class Asked:
    """A steering, those who ask something of it, and what it acknowledged."""

    def __init__(self, root):
        self.spool, self._lock = Spool.create(root, run="r", attempt=1)
        self.discounted = []
        self.steering = Steering(self.spool.writer(), discount=self.discounted.append)
        self.steering.install()

    def ask(self, kind, number=None, **settings):
        self.steering.ask(Command(run="r", attempt=1, kind=kind, number=number, settings=settings))
        os.kill(os.getpid(), signal.SIGUSR1)

    def later(self, kind, number=None, *, seconds=0.3):
        """Ask from another thread, after a while."""
        timer = threading.Timer(seconds, self.ask, [kind, number])
        timer.start()
        return timer

    @property
    def acknowledged(self):
        size = (self.spool.directory / "records.jsonl").stat().st_size
        extent = read_extent(self.spool, Position(), Position(records=size))
        return [(applied.number, applied.step) for applied in extent.batch.applied]


@pytest.fixture
def asked(tmp_path):
    before = [(number, signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGUSR1)]
    yield Asked(tmp_path)
    for number, handler in before:
        signal.signal(number, handler)


def test_a_cancel_interrupts(asked):
    with pytest.raises(Stopped):
        asked.ask("cancel")


def test_no_except_exception_swallows_a_cancel(asked):
    def careless():
        try:
            asked.ask("cancel")
        except Exception:
            return

    with pytest.raises(Stopped):
        careless()


def test_nothing_interrupts_what_is_held(asked):
    done = []

    def record():
        with asked.steering.held():
            asked.ask("cancel")
            done.append("written")

    with pytest.raises(Stopped):
        record()
    assert done == ["written"]


def test_a_cancel_that_a_finalizer_swallowed_is_found_again(asked):
    with pytest.raises(Stopped):
        asked.ask("cancel")
    # Python has dropped the exception; the next record finds the request.
    with pytest.raises(Stopped), asked.steering.held():
        pass


def test_after_the_end_nothing_changes_it(asked):
    asked.steering.ignore()
    asked.ask("cancel")
    asked.ask("pause", 1)
    assert asked.acknowledged == []


def test_sigterm_is_noted_and_interrupts_nothing(asked):
    os.kill(os.getpid(), signal.SIGTERM)
    assert asked.steering.is_interrupted


def test_a_pause_holds_the_main_thread_until_it_is_resumed(asked):
    asked.steering.step = 7
    lived_on = []
    other = threading.Thread(target=lambda: [lived_on.append(time.sleep(0.01)) for _ in range(10)])
    timer = asked.later("resume", 2)
    other.start()
    began = time.perf_counter()
    asked.ask("pause", 1)
    stood_still = time.perf_counter() - began
    timer.join()
    other.join()
    assert stood_still >= 0.25
    assert len(lived_on) == 10
    assert asked.acknowledged == [(1, 7), (2, 7)]
    assert asked.discounted == [pytest.approx(stood_still, abs=0.1)]


def test_what_is_asked_again_is_done_once(asked):
    timers = [asked.later("resume", 2), asked.later("pause", 1, seconds=0.5)]
    asked.ask("pause", 1)
    for timer in timers:
        timer.join()
    wait_until(lambda: len(asked.acknowledged) == 2, seconds=30, what="both are done")
    assert asked.acknowledged == [(1, 0), (2, 0)]


def test_a_paused_job_can_be_cancelled(asked):
    timer = asked.later("cancel")
    with pytest.raises(Stopped):
        asked.ask("pause", 1)
    timer.join()
    assert asked.acknowledged == [(1, 0)]


def test_an_interrupted_pause_ends_so_that_the_step_can(asked):
    timer = threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGTERM])
    timer.start()
    asked.ask("pause", 1)
    assert asked.steering.is_interrupted
    assert asked.acknowledged == [(1, 0)]


def test_settings_wait_for_whoever_takes_them(asked):
    asked.ask("set", 3, damping=0.5)
    asked.ask("set", 3, damping=0.5)
    (command,) = asked.steering.settings()
    assert command.settings == {"damping": 0.5}
    assert asked.acknowledged == []
    asked.steering.step = 4
    asked.steering.acknowledge(command)
    assert asked.acknowledged == [(3, 4)]
    assert list(asked.steering.settings()) == []
