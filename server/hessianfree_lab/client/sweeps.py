"""Sweeps over HTTP."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from hessianfree_lab.records import Page
from hessianfree_lab.records.sweep_reports import SweepReport
from hessianfree_lab.records.sweeps import Sweep, Trial

if TYPE_CHECKING:
    from hessianfree_lab.client.connection import Connection

_SWEEPS = TypeAdapter(Page[Sweep])
_TRIALS = TypeAdapter(Page[Trial])
_PAGE = 200


class RemoteSweeps:
    """Sweeps submitted, watched, cancelled and forgotten. Errors are those of the client."""

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection

    def submit(self, spec: Mapping[str, Any], idempotency_key: str | None = None) -> Sweep:
        """Begin a sweep (a SweepSpec as a mapping). With the same key again: the same sweep."""
        return Sweep.model_validate(self._connection.make("/sweeps", spec, idempotency_key))

    def get(self, sweep_id: str) -> Sweep:
        return Sweep.model_validate(self._connection.get(f"/sweeps/{sweep_id}"))

    def all(self) -> Iterator[Sweep]:
        """Every sweep, the newest first."""
        return self._pages("/sweeps", _SWEEPS)

    def trials(self, sweep_id: str, sort: str = "number") -> Iterator[Trial]:
        """The trials of a sweep; `sort`: number, value, state, seconds or a path of its space, `-` before it or not."""
        return self._pages(f"/sweeps/{sweep_id}/trials", _TRIALS, sort=sort)

    def report(self, sweep_id: str) -> SweepReport:
        """Its best trials, and how much each parameter matters."""
        return SweepReport.model_validate(self._connection.get(f"/sweeps/{sweep_id}/report"))

    def report_file(self, sweep_id: str) -> bytes:
        """The same with figures, as an HTML file that opens without a server."""
        return self._connection.request("GET", f"/sweeps/{sweep_id}/report.html").content

    def cancel(self, sweep_id: str) -> Sweep:
        """Try nothing more, and cancel what is open. 409 when it has ended."""
        return Sweep.model_validate(self._connection.post(f"/sweeps/{sweep_id}/cancel"))

    def remove(self, sweep_id: str) -> None:
        """Forget an ended sweep; its runs stay."""
        self._connection.request("DELETE", f"/sweeps/{sweep_id}")

    def _pages(self, path: str, kind: TypeAdapter[Any], **params: Any) -> Iterator[Any]:
        cursor = None
        while True:
            page = kind.validate_python(self._connection.get(path, limit=_PAGE, cursor=cursor, **params))
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return
