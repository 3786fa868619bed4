"""What a worker keeps on its machine, and for how long.

    DATA_DIR/attempts/RUN-ATTEMPT/    spools: until the server has everything in them. One that it refused, because
                                      a newer attempt is the current one, is closed and stays until that has ended: it
                                      may hold the steps between what the server has and a checkpoint
    DATA_DIR/checkpoints/RUN/         the newest checkpoints, where no other storage is named for them: as long as the
                                      run may go on, and for some days after it has ended, for a retry

Both go when the run is deleted.
"""

import shutil
import time
from collections.abc import Collection, Mapping
from contextlib import closing, suppress
from pathlib import Path

from hessianfree_lab.client.connection import Home
from hessianfree_lab.client.spool import Spool, SpoolInUse
from hessianfree_lab.lifecycle import ENDED, State

KEEP_DAYS = 7.0
_DAY_SECONDS = 24 * 3600.0


class Folders:
    """The folders of a worker below its data directory; `keep_days`: checkpoints of a run that has ended."""

    def __init__(self, data_dir: Path, *, keep_days: float = KEEP_DAYS) -> None:
        self.spools = data_dir / "attempts"
        self.checkpoints = data_dir / "checkpoints"
        self._keep_seconds = keep_days * _DAY_SECONDS

    def runs(self) -> set[str]:
        """Ids of the runs of which something is here."""
        with_spool = {spool.run for spool in Spool.all_below(self.spools)}
        if not self.checkpoints.is_dir():
            return with_spool
        return with_spool | {path.name for path in self.checkpoints.iterdir() if path.is_dir()}

    def delivered(self, spool: Spool) -> None:
        """The server has all of an attempt that was the current one: what earlier ones left is of no more use."""
        spool.remove()
        self._remove_closed(spool.run, before=spool.attempt)

    def tidy(self, states: Mapping[str, str], held: Collection[str], *, home: Home | None = None) -> None:
        """Remove what is of no more use. `states`: of the runs here that the server knows; `held`: those at work.

        What belongs to another server than `home` is let be.
        """
        elsewhere = {spool.run for spool in Spool.all_below(self.spools) if spool.belongs_elsewhere(home)}
        for run in self.runs() - set(held) - elsewhere:
            state = states.get(run)
            if state is None:
                self._remove_closed(run)
                shutil.rmtree(self.checkpoints / run, ignore_errors=True)
            elif State(state) in ENDED:
                self._remove_closed(run)
                if time.time() - _changed_at(self.checkpoints / run) > self._keep_seconds:
                    shutil.rmtree(self.checkpoints / run, ignore_errors=True)

    def _remove_closed(self, run: str, *, before: int | None = None) -> None:
        for spool in Spool.all_below(self.spools):
            if spool.run != run or not spool.is_closed or (before is not None and spool.attempt >= before):
                continue
            with suppress(SpoolInUse, FileNotFoundError), closing(spool.lock()):
                spool.remove()


def _changed_at(path: Path) -> float:
    """When something was last added or removed there, in seconds since the epoch; 0: it is not there."""
    with suppress(FileNotFoundError):
        return path.stat().st_mtime
    return 0.0
