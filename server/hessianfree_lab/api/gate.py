"""The gate: before anything is routed or read, who is it, and may they."""

from urllib.parse import quote

from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from hessianfree_lab.api.auth import Authenticator
from hessianfree_lab.api.errors import problem, problem_of, scope_path, wants_page
from hessianfree_lab.api.identity import Identity, Role
from hessianfree_lab.api.policy import decide
from hessianfree_lab.errors import LabError
from hessianfree_lab.store.access import Access


class Gate:
    """Around the whole application: routes, mounts, and addresses where there is nothing.

    Who comes through is `request.state.identity`; who does not gets 401 (a page: the way to the sign-in) or 403.
    """

    def __init__(self, app: ASGIApp, authenticator: Authenticator, access: Access) -> None:
        self._app = app
        self._authenticator = authenticator
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})  # there are none, and none shall slip by
            return
        request = Request(scope)
        try:
            refusal = await self._refusal(request)
        except LabError as error:
            refusal = problem_of(error)
        await (refusal or self._app)(scope, receive, send)

    async def _refusal(self, request: Request) -> Response | None:
        rule, match = decide(request.method, scope_path(request))
        if rule.roles is None:
            return None
        identity = await self._authenticator.identify(request.headers, request.cookies)
        if identity is None:
            return _ask_for_token(request)
        if identity.role not in rule.roles:
            return _forbidden(request, identity)
        if identity.role is Role.WORKER and not await self._is_its_own(identity, match.groupdict()):
            detail = "This worker token did not register the worker, or holds no attempt of the run, that it names."
            return problem(403, detail)
        request.state.identity = identity
        return None

    async def _is_its_own(self, identity: Identity, names: dict[str, str]) -> bool:
        assert identity.token_id is not None
        for name, check in (("worker", self._access.is_registered_by), ("run", self._access.holds)):
            if name in names and not await run_in_threadpool(check, identity.token_id, names[name]):
                return False
        return True


def _ask_for_token(request: Request) -> Response:
    if wants_page(request):
        target = scope_path(request) + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/login?next={quote(target, safe='')}", status_code=303)
    detail = "This server asks for its token: send 'Authorization: Bearer TOKEN', or sign in at /login."
    return problem(401, detail, headers={"WWW-Authenticate": "Bearer"})


def _forbidden(request: Request, identity: Identity) -> Response:
    detail = (
        f"The token {identity.name!r} has the role {identity.role.value!r}, which is not allowed to "
        f"{request.method} {scope_path(request)}."
    )
    return problem(403, detail)
