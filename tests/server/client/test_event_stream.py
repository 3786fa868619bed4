"""The event stream: parsing, and coming back after a break."""

import signal
import threading
import time

import pytest

from hessianfree_lab.client import Client, ClientError, ServerUnreachable
from hessianfree_lab.client.events import Message, follow, parse
from hessianfree_lab.records import IngestBatch, ScriptRun, StepRecord
from server.client.lab_server import lab_server
from system.launch import wait_until

pytestmark = pytest.mark.system  # whole processes


@pytest.mark.parametrize(
    ("lines", "messages"),
    [
        (["event: run", 'data: {"a": 1}', "id: 7", ""], [Message(id=7, kind="run", data='{"a": 1}')]),
        (["data: 1", "data: 2", ""], [Message(id=None, kind="message", data="1\n2")]),
        ([": keep alive", "", "retry: 10", ""], []),
        (["id: 5", "retry: 1000", ""], [Message(id=5, kind="message", data="")]),
        (["data:tight", ""], [Message(id=None, kind="message", data="tight")]),
        (["event: run", "data: cut off"], []),
        (["id: x", "data: d", ""], [Message(id=None, kind="message", data="d")]),
    ],
)
def test_parsing(lines, messages):
    assert list(parse(lines)) == messages


class Listener:
    """Collects the steps of one run from its event stream, in a thread."""

    def __init__(self, client: Client, run_id: str, after: int | None = None) -> None:
        self.steps: list[int] = []
        self.kinds: list[str] = []
        self._args = (client, run_id, after)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        client, run_id, after = self._args
        for event in client.events([run_id], after=after):
            self.kinds.append(event.kind)
            if event.kind == "steps":
                self.steps += [record["step"] for record in event.data["steps"]]

    def wait_for(self, *steps: int) -> None:
        wait_until(lambda: self.steps == list(steps), seconds=20, what=f"{steps}, got {self.steps}")


def send(client: Client, run_id: str, *steps: int) -> None:
    client.send(run_id, IngestBatch(steps=[StepRecord(step=step) for step in steps]))


def test_events_arrive_from_the_beginning_on(client, run_id):
    send(client, run_id, 1, 2)
    listener = Listener(client, run_id, after=0)
    listener.wait_for(1, 2)
    send(client, run_id, 3)
    listener.wait_for(1, 2, 3)
    assert "run" in listener.kinds


def test_a_killed_server_is_come_back_to_without_a_gap(tmp_path):
    with lab_server(tmp_path) as server, server.client() as client:
        run_id = client.create_run(ScriptRun(name="long")).id
        listener = Listener(client, run_id, after=0)
        send(client, run_id, 1, 2)
        listener.wait_for(1, 2)
        server.end(signal.SIGKILL)
        server.start()
        with server.client() as other:
            send(other, run_id, 3)
            listener.wait_for(1, 2, 3)
            send(other, run_id, 4)
            listener.wait_for(1, 2, 3, 4)


def test_patience_has_an_end():
    with Client("http://127.0.0.1:9") as nobody:
        started = time.monotonic()
        with pytest.raises(ServerUnreachable):
            next(follow(nobody._http, nobody.url, patience_seconds=0.5))
        assert 0.5 < time.monotonic() - started < 10


def test_a_refusal_is_not_retried(tmp_path):
    with lab_server(tmp_path, token="s3cret") as server, Client(server.url) as stranger:
        with pytest.raises(ClientError) as refused:
            next(stranger.events())
        assert refused.value.status == 401
