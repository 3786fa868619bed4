"""Spans of the statements of a request, for whoever watches with OpenTelemetry."""

from collections.abc import Mapping
from typing import Any

from opentelemetry import trace
from sqlalchemy import Connection, Engine, ExceptionContext, ExecutionContext, event

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_SPAN = "_hessianfree_span"


def is_asked_for(environment: Mapping[str, str]) -> bool:
    """Whether spans have somewhere to go, by OpenTelemetry's own variables."""
    return any(environment.get(name) for name in _ENDPOINTS)


def trace_statements(engine: Engine) -> None:
    """Let each statement that a traced request makes be a span: its text, and none of its values."""
    tracer = trace.get_tracer(__name__)

    def begin(
        connection: Connection,  # noqa: ARG001 (the event's signature)
        cursor: Any,  # noqa: ARG001
        statement: str,
        parameters: Any,  # noqa: ARG001
        context: ExecutionContext | None,
        executemany: bool,  # noqa: ARG001
    ) -> None:
        # What nobody asked for, such as the look for lost leases, would be a trace of its own every other second.
        if context is not None and trace.get_current_span().is_recording():
            verb = statement.lstrip().partition(" ")[0].upper()
            attributes = {
                "db.system.name": engine.dialect.name,
                "db.query.text": statement,
                "db.operation.name": verb,
            }
            span = tracer.start_span(verb, kind=trace.SpanKind.CLIENT, attributes=attributes)
            setattr(context, _SPAN, span)

    def end(
        connection: Connection,  # noqa: ARG001
        cursor: Any,  # noqa: ARG001
        statement: str,  # noqa: ARG001
        parameters: Any,  # noqa: ARG001
        context: ExecutionContext | None,
        executemany: bool,  # noqa: ARG001
    ) -> None:
        if (span := getattr(context, _SPAN, None)) is not None:
            span.end()

    def fail(failure: ExceptionContext) -> None:
        if (span := getattr(failure.execution_context, _SPAN, None)) is not None:
            span.set_status(trace.StatusCode.ERROR, type(failure.original_exception).__name__)
            span.end()

    event.listen(engine, "before_cursor_execute", begin)
    event.listen(engine, "after_cursor_execute", end)
    event.listen(engine, "handle_error", fail)
