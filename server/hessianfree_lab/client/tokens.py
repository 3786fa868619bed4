"""A server's tokens, for who has the token of its settings."""

from pydantic import TypeAdapter

from hessianfree_lab.client.connection import Connection
from hessianfree_lab.records.tokens import NewToken, Token, TokenRequest

_TOKENS = TypeAdapter(list[Token])


class RemoteTokens:
    """Tokens made, listed and revoked over HTTP."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(self, request: TokenRequest) -> NewToken:
        return NewToken.model_validate(self._connection.post("/tokens", request))

    def tokens(self) -> list[Token]:
        """All, newest first."""
        return _TOKENS.validate_python(self._connection.get("/tokens")["items"])

    def revoke(self, token_id: str) -> Token:
        return Token.model_validate(self._connection.request("DELETE", f"/tokens/{token_id}").json())
