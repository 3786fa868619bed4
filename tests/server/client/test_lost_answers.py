"""What makes something new and whose answer is lost: sent again, and made once."""

import pytest

from hessianfree_lab.cli.keyed import keyed
from hessianfree_lab.client import Client
from hessianfree_lab.errors import AnswerLost, ConfigurationError, LabError, ServerUnreachable
from hessianfree_lab.records import ScriptRun
from server.client.lab_server import LabServer
from server.worker.network import network

pytestmark = pytest.mark.system  # a process of its own


def test_with_a_key_it_is_sent_again_and_without_it_is_not(shared_server: LabServer, client: Client) -> None:
    with network(shared_server.url) as wires, Client(wires.url) as far:
        wires.lose_answers(2)
        begun = far.create_run(ScriptRun(name="sent again"), idempotency_key="sent again")
        assert [run.id for run in client.runs(q="sent again")] == [begun.id]

        wires.lose_answers(1)
        with pytest.raises(AnswerLost):
            far.create_run(ScriptRun(name="sent once"))
        assert len([*client.runs(q="sent once")]) == 1


def test_where_nothing_was_sent_it_is_said_at_once() -> None:
    with Client("http://127.0.0.1:1") as nowhere, pytest.raises(ServerUnreachable) as told:
        nowhere.create_run(ScriptRun(name="never"), idempotency_key="never")
    assert not isinstance(told.value, AnswerLost)


def test_a_command_whose_answer_does_not_come_says_how_to_ask_again() -> None:
    keys = []

    def send(key: str) -> None:
        keys.append(key)
        raise AnswerLost("http://lab", "the server disconnected")

    for key in (None, None, "mine"):
        with pytest.raises(LabError, match="It may have been taken all the same") as told:
            keyed(send, key)
        assert f"--key {keys[-1]}:" in str(told.value)
    assert keys[2] == "mine" != keys[0] != keys[1]
    for odd in ("", "two\nlines", "ü", "x" * 256):
        with pytest.raises(ConfigurationError, match="--key is"):
            keyed(send, odd)
    assert len(keys) == 3
