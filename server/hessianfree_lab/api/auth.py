"""The token: shown as a bearer token by programs, as a session cookie by browsers."""

import hashlib
import hmac
from collections.abc import Mapping

from fastapi import Response

COOKIE = "hessianfree_session"
_PURPOSE = b"hessianfree-lab session, version 1"
_MONTH_SECONDS = 30 * 24 * 3600


def is_token(token: str, given: str) -> bool:
    """Whether `given` is the token; takes as long for a wrong one as for a nearly right one."""
    return hmac.compare_digest(token.encode(), given.encode())


def session_value(token: str) -> str:
    """What the cookie holds: derived from the token, and of no use to find it. Another token ends all sessions."""
    return hmac.new(token.encode(), _PURPOSE, hashlib.sha256).hexdigest()


def set_session(response: Response, token: str, *, is_https: bool = False) -> None:
    """Sign the browser in. No script can read the cookie, and no other site can make a browser send it."""
    response.set_cookie(
        COOKIE,
        session_value(token),
        max_age=_MONTH_SECONDS,
        httponly=True,
        samesite="strict",
        secure=is_https,
    )


def clear_session(response: Response) -> None:
    """Sign the browser out."""
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")


def is_authorized(token: str, headers: Mapping[str, str], cookies: Mapping[str, str]) -> bool:
    """Whether a request shows the token, one way or the other."""
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return is_token(token, credentials.strip())
    return is_token(session_value(token), cookies.get(COOKIE, ""))
