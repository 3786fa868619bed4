"""Tokens and sessions, and who holds what: all that the database says about who may come in."""

import hashlib
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, delete, exists, insert, or_, select, update

from hessianfree_lab.errors import (
    DatabaseUnavailable,
    Fault,
    InvalidRequest,
    RecordNotFound,
    RunNotFound,
    StaleAttempt,
)
from hessianfree_lab.records.tokens import NewToken, Token, TokenRequest
from hessianfree_lab.store.interface import REVOCATIONS
from hessianfree_lab.store.tables import attempts, runs, sessions, tokens, workers
from hessianfree_lab.store.transaction import Transaction

PREFIX = "hfl_"
"""How every token begins, so that a scanner for leaked secrets knows one when it sees it."""
TOKEN_BYTES = 32
_SEEN_EVERY = timedelta(minutes=1)

Begin = Callable[[], AbstractContextManager[Transaction]]


@dataclass(frozen=True, kw_only=True)
class Session:
    """A browser that has signed in; `token` None: with that of the settings."""

    token: Token | None


def digest_of(secret: str) -> str:
    """What is stored of a token: 256 random bits cannot be guessed, so one round of a fast hash is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Access:
    """Tokens, sessions, and whose worker and run something is. Every method is one transaction."""

    def __init__(
        self, write: Begin, read: Begin, new_id: Callable[[], str], *, is_shared: bool = False
    ) -> None:
        self._write = write
        self._read = read
        self._new_id = new_id
        self.is_shared = is_shared  # other servers may make tokens
        self._has_tokens: bool | None = None  # not looked up yet

    def create(self, request: TokenRequest) -> NewToken:
        """Make a token; what it is stands in the answer and nowhere else."""
        secret = PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
        with self._write() as tx:
            if tx.connection.scalar(select(exists().where(_is_valid(tx), tokens.c.name == request.name))):
                message = f"There is a valid token named {request.name!r} already: revoke it, or choose another name."
                raise InvalidRequest([Fault("name", message)])
            lifetime = request.expires_seconds
            token = NewToken(
                id=self._new_id(),
                name=request.name,
                role=request.role,
                created_at=tx.now,
                expires_at=None if lifetime is None else tx.now + timedelta(seconds=lifetime),
                secret=secret,
            )
            values = token.model_dump(include={"id", "name", "role", "created_at", "expires_at"})
            tx.connection.execute(insert(tokens).values(digest=digest_of(secret), **values))
        self._has_tokens = True
        return token

    def tokens(self) -> list[Token]:
        """Every token there ever was, newest first."""
        with self._read() as tx:
            return [
                _to_token(row) for row in tx.connection.execute(select(tokens).order_by(tokens.c.id.desc()))
            ]

    def revoke(self, token_id: str) -> Token:
        """From now on the token opens nothing, nor does a session that it began. Twice is no error."""
        with self._write() as tx:
            tx.connection.execute(
                update(tokens)
                .where(tokens.c.id == token_id, tokens.c.revoked_at.is_(None))
                .values(revoked_at=tx.now)
            )
            row = tx.connection.execute(select(tokens).where(tokens.c.id == token_id)).one_or_none()
            if row is None:
                raise RecordNotFound(f"There is no token {token_id!r}.")
            tx.wake(REVOCATIONS)
            return _to_token(row)

    def revoked(self) -> frozenset[str]:
        """The ids of all tokens that have been revoked."""
        with self._read() as tx:
            return frozenset(
                tx.connection.scalars(select(tokens.c.id).where(tokens.c.revoked_at.is_not(None)))
            )

    def has_tokens(self) -> bool:
        """Whether there ever was a token: revoking the last one opens nothing. Looked up once, where nobody else can
        make the first."""
        if self._has_tokens is None or (self.is_shared and not self._has_tokens):
            with self._read() as tx:
                self._has_tokens = bool(
                    tx.connection.scalar(select(exists().where(tokens.c.id.is_not(None))))
                )
        return self._has_tokens

    def find(self, secret: str) -> Token | None:
        """The valid token that this is; None: it is none."""
        with self._read() as tx:
            row = tx.connection.execute(
                select(tokens).where(tokens.c.digest == digest_of(secret), _is_valid(tx))
            ).one_or_none()
            if row is None:
                return None
            is_news = row.used_at is None or tx.now - row.used_at > _SEEN_EVERY
        if is_news:
            # Who may read may do so while nothing can be written.
            with suppress(DatabaseUnavailable), self._write() as tx:
                tx.connection.execute(update(tokens).where(tokens.c.id == row.id).values(used_at=tx.now))
        return _to_token(row)

    def add_session(self, digest: str, token_id: str | None, lifetime: timedelta) -> None:
        """A browser has signed in, with a token or (None) with that of the settings. Sessions that are over go."""
        with self._write() as tx:
            tx.connection.execute(delete(sessions).where(sessions.c.expires_at <= tx.now))
            tx.connection.execute(
                insert(sessions).values(
                    digest=digest, token_id=token_id, created_at=tx.now, expires_at=tx.now + lifetime
                )
            )

    def session(self, digest: str) -> Session | None:
        """The session, unless it is over or its token no longer valid."""
        with self._read() as tx:
            is_open = (sessions.c.digest == digest) & (sessions.c.expires_at > tx.now)
            found = tx.connection.execute(select(sessions.c.token_id).where(is_open)).one_or_none()
            if found is None:
                return None
            if found.token_id is None:
                return Session(token=None)
            row = tx.connection.execute(
                select(tokens).where(tokens.c.id == found.token_id, _is_valid(tx))
            ).one_or_none()
            return None if row is None else Session(token=_to_token(row))

    def remove_session(self, digest: str) -> None:
        with self._write() as tx:
            tx.connection.execute(delete(sessions).where(sessions.c.digest == digest))

    def is_registered_by(self, token_id: str, worker_id: str) -> bool:
        """Whether the worker is this token's, or unknown: then it must be told to register again."""
        with self._read() as tx:
            row = tx.connection.execute(
                select(workers.c.token_id).where(workers.c.id == worker_id)
            ).one_or_none()
            return row is None or row.token_id == token_id

    def holds(self, token_id: str, run_id: str) -> bool:
        """Whether a worker of this token has the run's current attempt.

        `StaleAttempt` when it had an earlier one, which is fenced; `RunNotFound` when the run is gone.
        """
        with self._read() as tx:
            run = tx.connection.execute(
                select(runs.c.attempt, runs.c.state).where(runs.c.id == run_id)
            ).one_or_none()
            if run is None:
                raise RunNotFound(run_id)
            mine = select(workers.c.id).where(workers.c.token_id == token_id)
            held = set(
                tx.connection.scalars(
                    select(attempts.c.number).where(
                        attempts.c.run_id == run_id, attempts.c.worker_id.in_(mine)
                    )
                )
            )
        if held and run.attempt not in held:
            message = f"Attempt {max(held)} of run {run_id} is not its current one, which is {run.attempt}."
            raise StaleAttempt(message, state=run.state)
        return bool(held)


def _is_valid(tx: Transaction) -> Any:
    return tokens.c.revoked_at.is_(None) & or_(tokens.c.expires_at.is_(None), tokens.c.expires_at > tx.now)


def _to_token(row: Row[Any]) -> Token:
    return Token(
        id=row.id,
        name=row.name,
        role=row.role,
        created_at=row.created_at,
        expires_at=row.expires_at,
        used_at=row.used_at,
        revoked_at=row.revoked_at,
    )
