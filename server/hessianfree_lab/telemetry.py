"""Whether the server sends traces, metrics and logs: asked for by OpenTelemetry's own variables, if it can."""

import logging
from collections.abc import Mapping

logger = logging.getLogger(__name__)

_NAMES = ("", "TRACES_", "METRICS_", "LOGS_")
_ENDPOINTS = tuple(f"OTEL_EXPORTER_OTLP_{name}ENDPOINT" for name in _NAMES)


def is_sent(environment: Mapping[str, str]) -> bool:
    """Whether a collector is named and what sends to it is installed; where that alone is missing, it is said."""
    named = [name for name in _ENDPOINTS if environment.get(name)]
    if not named or environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    try:
        # Of the extra: OpenTelemetry's bare interface comes with the framework, and sends nothing.
        import opentelemetry.exporter.otlp.proto.http
        import opentelemetry.sdk  # noqa: F401
    except ImportError:
        logger.warning(
            "No traces are sent: %s is set, and what sends them is not installed: pip install"
            " 'hessianfree-lab[server,telemetry]'.",
            " and ".join(named),
        )
        return False
    return True
