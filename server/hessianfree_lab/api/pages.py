"""The dashboard's pages: the frame and what is known when it is asked for; ES modules keep it current.

Every page carries the id of the last event before its data was read. Its one event stream starts there, so nothing that
happens between reading and listening is missed.
"""

import math
import re
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.templating import Jinja2Templates

from hessianfree_lab.api import auth, table_page
from hessianfree_lab.api import compare_page as compare
from hessianfree_lab.api.assets import PLOTLY_URL, asset
from hessianfree_lab.api.dependencies import AuthenticatorDep, StoreDep
from hessianfree_lab.api.identity import Identity, Role
from hessianfree_lab.api.login_limit import LoginLimit
from hessianfree_lab.api.logs import page_of
from hessianfree_lab.api.stream_limit import client_of
from hessianfree_lab.figures import FIGURES, Kind
from hessianfree_lab.figures.axes import metric_title
from hessianfree_lab.figures.sweeps import SWEEP_FIGURES
from hessianfree_lab.records import JobSpec
from hessianfree_lab.records.jobs import Budget
from hessianfree_lab.records.scalars import LARGEST_STEP
from hessianfree_lab.records.sweeps import SweepSpec
from hessianfree_lab.store.interface import MAX_PAGE, RunQuery
from hessianfree_lab.version import __version__
from hessianfree_web import STATIC, TEMPLATES

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

FIRST = {
    "problem": ("digits-autoencoder", "digits-classifier", "rosenbrock", "logistic-regression"),
    "optimizer": ("hessianfree", "hessianfree-recommended", "adam", "sgd"),
}
"""What stands first in the form for a job, where a worker offers it: small, quick, and what the method is for."""

templates = Jinja2Templates(directory=TEMPLATES)
# Named by each page, they come together instead of one import after the other.
MODULES = sorted(
    path.relative_to(STATIC).as_posix()
    for folder in (".", "elements", "lib")
    for path in (STATIC / folder).glob("*.js")
)

templates.env.globals |= {
    "version": __version__,
    "plotly_url": PLOTLY_URL,
    "asset": asset,
    "modules": MODULES,
}
templates.env.policies["json.dumps_kwargs"] = {
    "sort_keys": False
}  # options stand in the order of their schema
templates.env.trim_blocks = templates.env.lstrip_blocks = True

QUEUE_PAGE = 50
SWEEPS_PAGE = 50
RECENT_LOG_LINES = 500
THEME_COOKIE = "hessianfree_theme"
THEMES = ("light", "dark")


@router.get("/")
def runs_page(request: Request, store: StoreDep) -> HTMLResponse:
    """The runs that the address asks for, the first page of them at once; the table fetches the rest."""
    after = store.last_event_id()
    return _render(request, "runs.html", after=after, data=table_page.known(store, request.query_params))


@router.get("/runs/{run_id}")
def run_page(request: Request, run_id: str, store: StoreDep) -> HTMLResponse:
    """One run, with a place for every figure, by what they tell of; those whose metrics it has are shown."""
    after = store.last_event_id()
    run = store.get_run(run_id)
    data = {
        "run": run.model_dump(mode="json"),
        "budget_schema": Budget.model_json_schema(),
        "logs": page_of(store, run_id, before=LARGEST_STEP, limit=RECENT_LOG_LINES),
    }
    sections: dict[str, list[Kind]] = {}
    for kind in FIGURES.values():
        if kind.section != "compare":
            sections.setdefault(kind.section, []).append(kind)
    measured = store.columns(run_id).keys()
    return _render(
        request,
        "run.html",
        after=after,
        stream_runs=run_id,
        run=run,
        sections=sections,
        measured=measured,
        data=data,
    )


@router.get("/compare")
def compare_page(
    request: Request,
    store: StoreDep,
    runs: Annotated[str, Query()] = "",
    filter: Annotated[str | None, Query(max_length=2000)] = None,
    group: Annotated[str, Query(max_length=200)] = "",
    of: Annotated[int | None, Query(ge=1)] = None,
) -> Response:
    """Several runs together. The address names them; of a filter's runs the newest, which the address then names."""
    if filter is not None:
        query = request.query_params.multi_items()
        return RedirectResponse(compare.address_of(store, filter, query), status_code=303)
    after = store.last_event_id()
    return _render(
        request, "compare.html", after=after, of=of, **compare.context(store, runs.split(","), group)
    )


@router.get("/sweeps")
def sweeps_page(request: Request, store: StoreDep) -> HTMLResponse:
    """All sweeps, the newest first."""
    after = store.last_event_id()
    page = store.sweeps.page(limit=SWEEPS_PAGE)
    return _render(request, "sweeps.html", after=after, data=page.model_dump(mode="json"))


@router.get("/sweeps/{sweep_id}")
def sweep_page(request: Request, sweep_id: str, store: StoreDep) -> HTMLResponse:
    """One sweep: how far it is, what is best, and what its parameters do. The table of trials is fetched."""
    after = store.last_event_id()
    sweep = store.sweeps.get(sweep_id)
    data = {"sweep": sweep.model_dump(mode="json"), "metric": metric_title(sweep.spec.objective.metric)}
    return _render(request, "sweep.html", after=after, sweep=sweep, kinds=SWEEP_FIGURES, data=data)


@router.get("/submit")
def submit_page(
    request: Request, store: StoreDep, source: Annotated[str | None, Query(alias="from")] = None
) -> HTMLResponse:
    """The form for a job, or a sweep; `from` names a run whose specification it starts with."""
    after = store.last_event_id()
    run = store.get_run(source) if source else None
    job = run if run is not None and run.kind == "job" else None
    data: dict[str, Any] = {
        "problems": [info.model_dump(mode="json") for info in store.problems()],
        "first": FIRST,
        "optimizers": [info.model_dump(mode="json") for info in store.optimizers()],
        "devices": sorted({device.name for worker in store.workers() for device in worker.devices}),
        "job_schema": JobSpec.model_json_schema(),
        "sweep_schema": SweepSpec.model_json_schema(),
        "start": job.spec if job else None,
    }
    refused = run if job is None else None
    return _render(request, "submit.html", after=after, data=data, source=job, refused=refused)


@router.get("/workers")
def workers_page(
    request: Request, store: StoreDep, start: Annotated[int, Query(ge=1, le=2**31)] = 1
) -> HTMLResponse:
    """What runs, what waits (from place number `start` on), who trains, and on what."""
    after = store.last_event_id()
    under_way = store.list_runs(RunQuery(state=("running", "paused"), archived=None, limit=MAX_PAGE)).items
    data = {
        "workers": [worker.model_dump(mode="json") for worker in store.workers()],
        "running": [run.model_dump(mode="json") for run in under_way if run.kind == "job"],
        "queue": store.waiting.page(start=start, limit=QUEUE_PAGE).model_dump(mode="json"),
        "start": start,
        "limit": QUEUE_PAGE,
    }
    return _render(request, "workers.html", after=after, data=data)


@router.get("/login")
def login_page(
    request: Request, authenticator: AuthenticatorDep, next: Annotated[str, Query()] = "/"
) -> Response:
    """The form for the token; a server without one has nothing to ask."""
    if authenticator.is_open():
        return RedirectResponse("/", status_code=303)
    return _login_form(request, next)


@router.post("/login")
def sign_in(
    request: Request,
    authenticator: AuthenticatorDep,
    token: Annotated[str, Form()],
    next: Annotated[str, Form()] = "/",
) -> Response:
    """Set the session's cookie and go on to where the browser was going."""
    if authenticator.is_open():
        return RedirectResponse("/", status_code=303)
    limit: LoginLimit = request.app.state.login_limit
    client = client_of(request)
    if wait := math.ceil(limit.wait_seconds(client)):
        return _login_form(request, next, refused=f"Too many wrong tokens: try again in {wait} s.", wait=wait)
    cookie = authenticator.sign_in(token.strip())
    if cookie is None:
        limit.note_failure(client)
        return _login_form(request, next, refused="That is not a valid token.")
    limit.forget(client)
    answer = RedirectResponse(_local(next), status_code=303)
    auth.set_session(answer, cookie, is_https=request.url.scheme == "https")
    return answer


@router.post("/logout")
def sign_out(request: Request, authenticator: AuthenticatorDep) -> Response:
    """End the session, here and in the browser."""
    if cookie := request.cookies.get(auth.COOKIE):
        authenticator.sign_out(cookie)
    answer = RedirectResponse("/login", status_code=303)
    auth.clear_session(answer)
    return answer


def error_page(request: Request, *, status: int, title: str, detail: str) -> HTMLResponse:
    """What a person sees in place of problem+json."""
    return _render(request, "error.html", after=None, code=status, status=status, title=title, detail=detail)


def _login_form(request: Request, target: str, *, refused: str | None = None, wait: int = 0) -> HTMLResponse:
    """`refused`: why, in a sentence; `wait`: seconds until the next try is looked at."""
    code = 429 if wait else 401 if refused else 200
    answer = _render(request, "login.html", after=None, code=code, next=_local(target), refused=refused)
    if wait:
        answer.headers["Retry-After"] = str(wait)
    return answer


def _render(
    request: Request, template: str, *, after: int | None, code: int = 200, **context: Any
) -> HTMLResponse:
    """`after`: the event the page's stream starts behind; None: the page has no stream."""
    # None on the way in: the sign-in, an error.
    identity: Identity | None = getattr(request.state, "identity", None)
    known = {
        "after": after,
        "stream_runs": "",
        "signed_in": auth.COOKIE in request.cookies,
        "theme": _theme(request),
        "only_reads": identity is not None and identity.role is Role.READ,
    } | context
    return templates.TemplateResponse(
        request, template, known, status_code=code, headers={"Cache-Control": "no-store"}
    )


def _theme(request: Request) -> str | None:
    """The theme that the reader chose; None: the system's. A cookie: no page is painted in the wrong one first."""
    chosen = request.cookies.get(THEME_COOKIE)
    return chosen if chosen in THEMES else None


def _local(target: str) -> str:
    """`target` if it is an address of this server: nobody is sent elsewhere from a sign-in."""
    return target if re.match(r"/(?![/\\])", target) and target.isprintable() else "/"
