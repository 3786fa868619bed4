"""What is asked of a run while it goes on."""

from collections.abc import Mapping
from typing import Any, Protocol

from hessianfree_lab.records import Control, Run


class LiveControl(Protocol):
    """Holding jobs back, and setting them otherwise."""

    def request_pause(self, run_id: str, *, requested_by: str | None = None) -> Run:
        """Hold a job back. Queued: `paused` at once. Running: `pause_requested`; `paused` once the job says so.

        Asking twice is no error and no second control. `WrongState` for a run that has ended, is about to be
        cancelled, or is a script's. A run held back whose attempt is lost or interrupted is `paused`, without an
        attempt, however many it had.
        """
        ...

    def request_resume(self, run_id: str, *, requested_by: str | None = None) -> Run:
        """Let a job that is held back, or about to be, go on. Without an attempt: `queued` at once, for one at least.

        `WrongState` as for `request_pause`, and for a job that nobody holds back.
        """
        ...

    def request_set(
        self, run_id: str, settings: Mapping[str, Any], *, requested_by: str | None = None
    ) -> Control:
        """Ask for other settings (already validated) from the next step on; of a job without an attempt, of its next.

        `WrongState` for a run that has ended, is about to be cancelled, or is a script's.
        """
        ...

    def controls(self, run_id: str) -> list[Control]:
        """Everything asked of the run, in the order of asking.

        Those still to be done when the run ends get an `error`. A `set` lives through lost and interrupted
        attempts and retries; a pause or resume that is to be done when an attempt ends is done by that.
        """
        ...
