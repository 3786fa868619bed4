"""Tokens: made, listed, revoked by who has the settings' token."""

from fastapi import APIRouter, Response

from hessianfree_lab.api.dependencies import AuthenticatorDep, BroadcasterDep, StoreDep
from hessianfree_lab.api.wire_json import WireResponse, WireRoute, created
from hessianfree_lab.records import Page
from hessianfree_lab.records.tokens import NewToken, Token, TokenRequest
from hessianfree_lab.store.interface import EVENTS, QUEUE

router = APIRouter(prefix="/tokens", tags=["tokens"], route_class=WireRoute)


@router.post("", status_code=201, response_model=NewToken)
def create_token(request: TokenRequest, store: StoreDep) -> WireResponse:
    """Make a token. Its `secret` is in this answer and nowhere else."""
    return created(store.access.create(request), "/api/v1/tokens")


@router.get("", response_model=Page[Token])
def tokens(store: StoreDep) -> WireResponse:
    """Every token there ever was, newest first; never what it is."""
    return WireResponse({"items": store.access.tokens(), "next_cursor": None})


@router.delete("/{token_id}", response_model=Token)
def revoke_token(token_id: str, authenticator: AuthenticatorDep, broadcaster: BroadcasterDep) -> Response:
    """From now on the token opens nothing, nor do sessions that it began. Revoking twice is no error."""
    token = authenticator.revoke(token_id)
    broadcaster.publish(frozenset({EVENTS, QUEUE}))  # open streams and long polls look whose they are
    return WireResponse(token)
