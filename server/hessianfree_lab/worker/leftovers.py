"""What earlier attempts left on this machine: sent where it can be, and removed once it is of no more use."""

from collections.abc import Collection
from pathlib import Path

from hessianfree_lab.client.client import Client
from hessianfree_lab.client.connection import Home
from hessianfree_lab.client.recovery import Outcome, recover
from hessianfree_lab.client.spool import Spool
from hessianfree_lab.errors import ClientError
from hessianfree_lab.logs import Say
from hessianfree_lab.records import FinishRequest
from hessianfree_lab.worker.folders import Folders

RECOVERY_SECONDS = 10.0
KILLED = FinishRequest(state="interrupted", error="The worker was killed.")


class Leftovers:
    """A line is said, once, of each that cannot be sent."""

    def __init__(self, client: Client, folders: Folders, say: Say) -> None:
        self._client, self._folders, self._say = client, folders, say
        self._told_of: set[Path] = set()

    def recover(self) -> None:
        """Send what earlier processes left here."""
        for delivery in recover(
            self._folders.spools,
            self._client,
            unfinished=lambda spool: KILLED.model_copy(update={"attempt": spool.attempt}),
            seconds_each=RECOVERY_SECONDS,
            seconds=RECOVERY_SECONDS,
            on_gone=Spool.close,
        ):
            spool = delivery.spool
            if (
                delivery.outcome in (Outcome.REFUSED, Outcome.FOREIGN)
                and spool.directory not in self._told_of
            ):
                self._told_of.add(spool.directory)
                words = f"stays in {spool.directory}: {delivery.reason}"
                text = f"{spool.name} ({spool.run}), attempt {spool.attempt}: {words}"
                self._say(text, run=spool.run, attempt=spool.attempt)

    def tidy(self, worker_id: str, held: Collection[str], home: Home | None) -> bool:
        """Send it, and remove what is of no more use; `held`: runs at work. False: the server could not be asked."""
        self.recover()
        runs = self._folders.runs()
        try:
            states = self._client.run_states(worker_id, sorted(runs)) if runs else {}
        except ClientError:
            return False
        self._folders.tidy(states, held, home=home)
        return True
