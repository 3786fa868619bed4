"""Connections whose client takes nothing: cut, so that neither what waits for it nor its place is held for ever."""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol


class PatientProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, but that an answer which gets no further for `stalled_seconds` of the settings is given up.

    uvicorn stops asking the application for more while a client does not read, and waits as long as it takes. The
    transport says when its buffer is too full and when it is empty again; in between somebody has to look whether it
    shrinks. The connection is aborted, not closed: closing would wait for the buffer.
    """

    _watch: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._look_again()

    def resume_writing(self) -> None:
        self._stop_watching()
        super().resume_writing()

    def shutdown(self) -> None:
        """The server stops: a client that is behind with its reading is not waited for."""
        super().shutdown()
        if self._watch is not None:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_watching()
        super().connection_lost(exc)

    def _look_again(self) -> None:
        left = self.transport.get_write_buffer_size()
        patience: float = self.config.app.state.settings.stalled_seconds  # type: ignore[union-attr]
        self._watch = self.loop.call_later(patience, self._look, left)

    def _look(self, before: int) -> None:
        if self.transport.get_write_buffer_size() < before:
            self._look_again()
        else:
            self.transport.abort()

    def _stop_watching(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
