"""Figures of a server as Plotly's own objects, for a notebook. The server draws them: they are those of its pages."""

import html
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pydantic import PrivateAttr

from hessianfree_lab.client.connection import Connection
from hessianfree_lab.records import Run

if TYPE_CHECKING:
    import plotly.graph_objects as go


def fetch(connection: Connection, name: str, runs: Iterable[str], **options: Any) -> "go.Figure":
    """The figure `name` of these runs (ids), at most 100; `options` as in docs/wire.md: x, metric, step, smooth, ...

    Needs plotly, which nothing else in the client does. Raises ClientError, which names all figures, for unknown ones.
    """
    import plotly.graph_objects as go

    # An empty list is an answer from the server too: it says how many runs a figure takes.
    return go.Figure(connection.get(f"/figures/{name}", runs=",".join(runs), **options))


class FoundRun(Run):
    """A run as a server told of it, and its figures."""

    _connection: Connection = PrivateAttr()

    @classmethod
    def of(cls, connection: Connection, run: Run) -> "FoundRun":
        """`run`, whose figures `connection` is asked for."""
        found = cls.model_construct(run.model_fields_set, **dict(run))
        found._connection = connection
        return found

    def figure(self, name: str = "loss", **options: Any) -> "go.Figure":
        """A figure of its page, by name: `run.figure("damping", x="seconds")`, `run.figure("inner-solve", step=12)`."""
        drawn = fetch(self._connection, name, [self.id], **options)
        return drawn.update_layout(
            title_text=f"{drawn.layout.title.text} · {html.escape(self.name, quote=False)}"
        )
