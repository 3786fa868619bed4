"""Who may do what: one table, read from its top, closed at its end."""

import re
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from hessianfree_lab.api.identity import ADMINS, READERS, SIGNED_IN, WORKERS, WRITERS, Role

READS = ("GET", "HEAD", "OPTIONS")
_ID = r"[^/]+"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Requests of these methods (none: all) whose whole path fits are for callers of these roles; None: for everybody.

    `worker` and `run` in the pattern: what a caller of the role `worker` must own or hold.
    """

    path: re.Pattern[str]
    roles: frozenset[Role] | None
    methods: tuple[str, ...] = ()

    def fits(self, method: str, path: str) -> re.Match[str] | None:
        return self.path.fullmatch(path) if not self.methods or method in self.methods else None


def _rule(methods: str, path: str, roles: frozenset[Role] | None) -> Rule:
    return Rule(methods=tuple(methods.split()), path=re.compile(path, re.DOTALL), roles=roles)


_WORKER = rf"/api/v1/workers/(?P<worker>{_ID})"
_RUN = rf"/api/v1/runs/(?P<run>{_ID})"

RULES = (
    _rule("GET HEAD", r"/healthz|/readyz|/login|/static/.*", None),
    _rule("POST", r"/login", None),
    _rule("POST", r"/logout", SIGNED_IN),
    _rule("", r"/api/v1/tokens(/.*)?", ADMINS),
    # A worker's road.
    _rule("POST", r"/api/v1/workers", WORKERS),
    _rule("POST", rf"{_WORKER}/(claim|heartbeat|runs)", WORKERS),
    _rule("PUT", rf"{_WORKER}/capacity", WORKERS),
    _rule("DELETE", _WORKER, WORKERS),
    _rule("POST", rf"{_RUN}/(records|finish)", WORKERS),
    _rule("GET HEAD", rf"{_RUN}/artifacts(/.*)?", READERS | WORKERS),
    _rule("PUT DELETE", rf"{_RUN}/artifacts/.+", WORKERS),
    # All the rest, also what does not exist.
    _rule(" ".join(READS), r".*", READERS),
    _rule("", r".*", WRITERS),
)


_UPLOAD = re.compile(rf"{_RUN}/artifacts/.+", re.DOTALL)


def is_upload(method: str, path: str) -> bool:
    """Whether the body of such a request is a file, which has a limit of its own."""
    return method == "PUT" and _UPLOAD.fullmatch(path) is not None


_UNWATCHED = re.compile(rf"/healthz|/readyz|/metrics|/static/.*|/api/v1/events|{_WORKER}/(claim|heartbeat)")


def is_unwatched(scope: MutableMapping[str, Any]) -> bool:
    """Whether a request is none that somebody waits for: it is asked all the time, or held open for long."""
    return _UNWATCHED.fullmatch(str(scope.get("path", ""))) is not None


def decide(method: str, path: str) -> tuple[Rule, re.Match[str]]:
    """The first rule that fits; the last one fits everything."""
    return next((rule, match) for rule in RULES if (match := rule.fits(method, path)))
