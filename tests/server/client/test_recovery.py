"""What dead processes left, against a real server."""

import pytest

from hessianfree_lab.client import Client
from hessianfree_lab.client.recovery import Outcome, recover
from hessianfree_lab.client.sender import Progress
from hessianfree_lab.records import FinishRequest
from server.client.recorder import Recorder, stored
from server.client.stranger import stranger
from system.launch import wait_until

pytestmark = pytest.mark.system  # whole processes
UNFINISHED = FinishRequest(state="failed", cause="lost", error="gone")


def recovered(root, client, seconds=10.0):
    """What became of each spool."""
    found = recover(root, client, unfinished=lambda _: UNFINISHED, seconds_each=seconds, seconds=seconds)
    return [delivery.outcome for delivery in found]


def test_recovery_delivers_what_a_dead_process_left(client, run_id, tmp_path):
    left = Recorder(client, tmp_path, run_id)
    left.append(1, 2, loss=1.0)
    left.lock.close()
    assert recovered(tmp_path, client) == [Outcome.STORED]
    run = client.run(run_id)
    assert (run.state, run.cause, run.error) == ("failed", "lost", "gone")
    assert stored(client, run_id) == [1, 2]
    assert list(tmp_path.iterdir()) == []


def test_recovery_repeats_what_the_dead_process_wanted_to_say(client, run_id, tmp_path):
    left = Recorder(client, tmp_path, run_id)
    left.spool.write_finish(FinishRequest(state="completed"))
    left.lock.close()
    assert recovered(tmp_path, client) == [Outcome.STORED]
    assert client.run(run_id).state == "completed"


def test_recovery_leaves_the_living_alone(client, run_id, tmp_path):
    alive = Recorder(client, tmp_path, run_id)
    alive.append(1)
    assert recovered(tmp_path, client) == [Outcome.BUSY]
    assert client.run(run_id).state == "running"
    assert alive.spool.directory.is_dir()
    alive.lock.close()


def test_recovery_keeps_what_it_cannot_deliver(tmp_path):
    with Client("http://127.0.0.1:9") as nobody:
        left = Recorder(nobody, tmp_path, "r")
        left.append(1)
        left.lock.close()
        assert recovered(tmp_path, nobody, 0.3) == [Outcome.LEFT]
        assert left.spool.directory.is_dir()


def test_recovery_forgets_what_the_server_does_not_know(client, tmp_path):
    left = Recorder(client, tmp_path, "00000000-0000-7000-8000-000000000000", home=client.home())
    left.append(1)
    left.lock.close()
    assert recovered(tmp_path, client) == [Outcome.GONE]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", [200, 302, 404])
def test_what_is_no_server_of_ours_is_waited_out(client, run_id, tmp_path, status):
    left = Recorder(client, tmp_path, run_id, home=client.home())
    left.append(1, loss=1.0)
    with stranger(status) as url, Client(url) as portal:
        sender = left.sender_of(portal)
        sender.start()
        wait_until(lambda: sender.error is not None, seconds=20, what="an answer")
        assert not sender.drain(0.0)
        assert sender.progress is Progress.SENDING
        sender.stop()
        left.lock.close()
        assert recovered(tmp_path, portal) == [Outcome.FOREIGN]
    assert recovered(tmp_path, client) == [Outcome.STORED]
    assert stored(client, run_id) == [1]
