"""Who speaks, and what that lets them do."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a caller may do; policy.py says where."""

    READ = "read"
    WRITE = "write"  # all that READ may, and every change but tokens
    WORKER = "worker"  # only what a worker does, on the runs it holds
    ADMIN = "admin"  # the settings' token: everything


READERS = frozenset({Role.READ, Role.WRITE, Role.ADMIN})
WRITERS = frozenset({Role.WRITE, Role.ADMIN})
WORKERS = WRITERS | {Role.WORKER}
ADMINS = frozenset({Role.ADMIN})
SIGNED_IN = READERS | {Role.WORKER}


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A caller who was let in. `name`: of the token; None where the server asks for none."""

    name: str | None
    role: Role
    token_id: str | None = None  # None: the settings' token, or none


ANYBODY = Identity(name=None, role=Role.ADMIN)
"""On a server that asks for no token: it listens to this machine alone."""
OWNER = Identity(name="admin", role=Role.ADMIN)
"""Who shows the settings' token."""
