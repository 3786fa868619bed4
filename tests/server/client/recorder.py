"""A spool with its sender, and what the server has of it."""

from hessianfree_lab.client.sender import Sender
from hessianfree_lab.client.spool import Spool
from hessianfree_lab.records import StepRecord


def stored(client, run_id):
    return client.metrics(run_id, ["loss"]).steps


class Recorder:
    """A spool with its sender."""

    def __init__(self, client, root, run_id, attempt=1, home=None):
        self.spool, self.lock = Spool.create(root, run=run_id, attempt=attempt, home=home)
        self.writer = self.spool.writer()
        self.commands, self.refusals = [], []
        self.sender = self.sender_of(client)

    def sender_of(self, client):
        return Sender(self.spool, client, on_commands=self.commands.extend, on_refused=self.refusals.append)

    def append(self, *steps, **metrics):
        for step in steps:
            self.writer.append(StepRecord(step=step, metrics=metrics))

    def print(self, text):
        with (self.spool.directory / "stdout.log").open("a") as file:
            file.write(text)
