"""Who a request comes from: programs show a token, browsers the cookie of a session."""

import hashlib
import hmac
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import timedelta

from fastapi import Response
from fastapi.concurrency import run_in_threadpool

from hessianfree_lab.api.identity import ANYBODY, OWNER, Identity, Role
from hessianfree_lab.errors import DatabaseUnavailable
from hessianfree_lab.records.tokens import Token
from hessianfree_lab.settings import Settings
from hessianfree_lab.store.access import PREFIX, TOKEN_BYTES, Access

logger = logging.getLogger(__name__)

COOKIE = "hessianfree_session"
SESSION_LIFETIME = timedelta(days=30)


class Authenticator:
    """Knows callers by the settings' token, the tokens of the table, and the sessions that either began."""

    def __init__(self, settings: Settings, access: Access) -> None:
        self._secret = settings.secret
        self._access = access
        self._revoked: frozenset[str | None] = frozenset()

    def is_open(self) -> bool:
        """Whether the server asks for no token: none is in the settings, and there never was one in the table."""
        return self._secret is None and not self._access.has_tokens()

    def revoke(self, token_id: str) -> Token:
        """The token opens nothing any more; what is open with it ends when it next looks: see `has_revoked`."""
        token = self._access.revoke(token_id)
        self._revoked |= {token_id}
        return token

    async def follow_revocations(self, news: Callable[[], Awaitable[object]]) -> None:
        """Until cancelled: look, whenever `news` comes, which tokens have been revoked, by whichever server."""
        while True:
            await news()
            # Otherwise it is asked again with the next news; nobody new is let in with such a token anyway.
            with suppress(DatabaseUnavailable):
                self._revoked |= await run_in_threadpool(self._access.revoked)

    def has_revoked(self, identity: Identity) -> bool:
        """Whether the token of a caller that was let in has been revoked since."""
        return identity.token_id in self._revoked

    async def identify(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Identity | None:
        """Who this is; None: nobody we know."""
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            found = await self._of_token(credentials.strip())
        elif cookie := cookies.get(COOKIE):
            found = await run_in_threadpool(self._of_session, cookie)
        else:
            found = None
        if found is not None or self._secret is not None:
            return found
        asks = self._access.is_shared  # the database; otherwise it is known
        is_open = await run_in_threadpool(self.is_open) if asks else self.is_open()
        return ANYBODY if is_open else None

    def sign_in(self, given: str) -> str | None:
        """The cookie of a new session for who has this token; None: it is none, or a worker's, which sees no pages."""
        token: Token | None = None
        if not self._is_settings_token(given):
            token = self._access.find(given)
            if token is None or Role(token.role) is Role.WORKER:
                return None
        cookie = secrets.token_urlsafe(TOKEN_BYTES)
        token_id = None if token is None else token.id
        self._access.add_session(self._session_digest(cookie), token_id, SESSION_LIFETIME)
        return cookie

    def sign_out(self, cookie: str) -> None:
        """End the session."""
        self._access.remove_session(self._session_digest(cookie))

    async def _of_token(self, given: str) -> Identity | None:
        if self._is_settings_token(given):
            return OWNER
        if not given.startswith(PREFIX):
            return None
        token = await run_in_threadpool(self._access.find, given)
        return None if token is None else _identity(token)

    def _of_session(self, cookie: str) -> Identity | None:
        session = self._access.session(self._session_digest(cookie))
        if session is None:
            return None
        return OWNER if session.token is None else _identity(session.token)

    def _is_settings_token(self, given: str) -> bool:
        return self._secret is not None and hmac.compare_digest(self._secret.encode(), given.encode())

    def _session_digest(self, cookie: str) -> str:
        # Under the settings' token: another one there ends every session.
        return hmac.new((self._secret or "").encode(), cookie.encode(), hashlib.sha256).hexdigest()


def set_session(response: Response, cookie: str, *, is_https: bool) -> None:
    """Hand a browser its session. No script can read the cookie, and no other site can make a browser send it."""
    response.set_cookie(
        COOKIE,
        cookie,
        max_age=int(SESSION_LIFETIME.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=is_https,
    )


def clear_session(response: Response) -> None:
    """Have a browser forget its session."""
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")


def _identity(token: Token) -> Identity:
    return Identity(name=token.name, role=Role(token.role), token_id=token.id)
