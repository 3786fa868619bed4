"""Tokens: who may come in, and what they may do."""

from typing import Literal

from pydantic import Field

from hessianfree_lab.records.scalars import Wire
from hessianfree_lab.records.steps import Moment

TokenRole = Literal["read", "write", "worker"]
TOKEN_NAME = r"^\w[\w .@/+\-]{0,99}$"


class TokenRequest(Wire):
    """Body of POST /tokens."""

    name: str = Field(
        pattern=TOKEN_NAME, description="Whose it is; of all valid tokens the only one of this name."
    )
    role: TokenRole
    expires_seconds: int | None = Field(
        None, ge=1, le=100 * 366 * 86_400, description="How long it is valid; none: until it is revoked."
    )


class Token(Wire):
    """A token as the API shows it; what it is was said once, when it was made."""

    id: str
    name: str
    role: TokenRole
    created_at: Moment
    expires_at: Moment | None = None
    used_at: Moment | None = Field(None, description="Seen last, to the minute.")
    revoked_at: Moment | None = None


class NewToken(Token):
    """A token that has just been made."""

    secret: str = Field(description="To be sent as 'Authorization: Bearer SECRET'. Not shown again.")
