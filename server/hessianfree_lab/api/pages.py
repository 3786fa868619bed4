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

from hessianfree_lab.api import auth
from hessianfree_lab.api.assets import PLOTLY_URL
from hessianfree_lab.api.dependencies import AuthenticatorDep, StoreDep
from hessianfree_lab.api.figures import MAX_RUNS
from hessianfree_lab.api.identity import Identity, Role
from hessianfree_lab.api.login_limit import LoginLimit
from hessianfree_lab.api.stream_limit import client_of
from hessianfree_lab.errors import RunNotFound
from hessianfree_lab.figures import FIGURES
from hessianfree_lab.figures.axes import METRIC_TITLES, metric_title
from hessianfree_lab.records import JobSpec, Run, encode
from hessianfree_lab.records.jobs import Budget
from hessianfree_lab.store.interface import MAX_PAGE, RunQuery, Store
from hessianfree_lab.version import __version__
from hessianfree_web import TEMPLATES

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

templates = Jinja2Templates(directory=TEMPLATES)
templates.env.globals |= {"version": __version__, "plotly_url": PLOTLY_URL}
templates.env.policies["json.dumps_kwargs"] = {
    "sort_keys": False
}  # options stand in the order of their schema
templates.env.trim_blocks = templates.env.lstrip_blocks = True

RECENT_LOG_LINES = 1000


@router.get("/")
def runs_page(request: Request, store: StoreDep) -> HTMLResponse:
    """All runs, the youngest page of them at once; the table fetches the rest."""
    after = store.last_event_id()
    page = store.list_runs(RunQuery(limit=MAX_PAGE))
    return _render(request, "runs.html", after=after, data=page.model_dump(mode="json"))


@router.get("/runs/{run_id}")
def run_page(request: Request, run_id: str, store: StoreDep) -> HTMLResponse:
    """One run, with a place for every figure; those whose metrics it has are shown."""
    after = store.last_event_id()
    run = store.get_run(run_id)
    logs = store.logs(run_id, limit=RECENT_LOG_LINES)
    data = {
        "run": run.model_dump(mode="json"),
        "budget_schema": Budget.model_json_schema(),
        "logs": [entry.line.model_dump(mode="json") | {"attempt": entry.attempt} for entry in logs],
        "next": logs[-1].position if logs else -1,
    }
    kinds = [kind for kind in FIGURES.values() if kind.name != "metric"]
    measured = store.columns(run_id).keys()
    return _render(
        request,
        "run.html",
        after=after,
        stream_runs=run_id,
        run=run,
        kinds=kinds,
        measured=measured,
        data=data,
    )


@router.get("/compare")
def compare_page(request: Request, store: StoreDep, runs: Annotated[str, Query()] = "") -> HTMLResponse:
    """Several runs in one figure. The address names them, in the order of their colours."""
    after = store.last_event_id()
    asked = [run_id for run_id in dict.fromkeys(runs.split(",")) if run_id]
    found: list[Run] = []
    missing: list[str] = []
    for run_id in asked[:MAX_RUNS]:
        try:
            found.append(store.get_run(run_id))
        except RunNotFound:
            missing.append(run_id)
    data = {
        "runs": [run.model_dump(mode="json") for run in found],
        "work": encode({run.id: _gradient_equivalents(store, run) for run in found}),
    }
    return _render(
        request,
        "compare.html",
        after=after,
        stream_runs=",".join(run.id for run in found),
        runs=found,
        missing=missing,
        left_out=len(asked[MAX_RUNS:]),
        metrics=_metrics_of(store, found),
        others=_others(store, found),
        kind=FIGURES["metric"],
        data=data,
    )


@router.get("/submit")
def submit_page(
    request: Request, store: StoreDep, source: Annotated[str | None, Query(alias="from")] = None
) -> HTMLResponse:
    """The form for a job; `from` names a run whose specification it starts with."""
    after = store.last_event_id()
    data: dict[str, Any] = {
        "problems": [info.model_dump(mode="json") for info in store.problems()],
        "optimizers": [info.model_dump(mode="json") for info in store.optimizers()],
        "devices": sorted({device.name for worker in store.workers() for device in worker.devices}),
        "job_schema": JobSpec.model_json_schema(),
        "start": store.get_run(source).spec if source else None,
    }
    return _render(request, "submit.html", after=after, data=data)


@router.get("/workers")
def workers_page(request: Request, store: StoreDep) -> HTMLResponse:
    """Who trains, on what, and what each is doing."""
    after = store.last_event_id()
    workers = store.workers()
    held = {run_id for worker in workers for run_id in worker.runs}
    data = {
        "workers": [worker.model_dump(mode="json") for worker in workers],
        "runs": [store.get_run(run_id).model_dump(mode="json") for run_id in sorted(held)],
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
        "only_reads": identity is not None and identity.role is Role.READ,
    } | context
    return templates.TemplateResponse(
        request, template, known, status_code=code, headers={"Cache-Control": "no-store"}
    )


def _local(target: str) -> str:
    """`target` if it is an address of this server: nobody is sent elsewhere from a sign-in."""
    return target if re.match(r"/(?![/\\])", target) and target.isprintable() else "/"


def _metrics_of(store: Store, runs: list[Run]) -> list[tuple[str, str]]:
    """Name and title of every number that any of the runs has: canonical ones in their order, then the others."""
    names = {name for run in runs for name, kind in store.columns(run.id).items() if kind == "number"} | {
        "loss"
    }
    canonical = [name for name in METRIC_TITLES if name in names]
    return [(name, metric_title(name)) for name in canonical + sorted(names.difference(METRIC_TITLES))]


def _others(store: Store, runs: list[Run]) -> dict[str, list[Run]]:
    """Recent runs that could be added, those on the same problem first."""
    chosen, problems = {run.id for run in runs}, {run.spec.get("problem") for run in runs}
    rest = [run for run in store.list_runs(RunQuery(limit=MAX_PAGE)).items if run.id not in chosen]
    return {
        "On the same problem": [run for run in rest if run.spec.get("problem") in problems],
        "On other problems" if runs else "Recent": [
            run for run in rest if run.spec.get("problem") not in problems
        ],
    }


def _gradient_equivalents(store: Store, run: Run) -> float | None:
    """All the arithmetic of a run so far in units of one gradient; None where it does not say."""
    if "gradient_equivalents" not in run.summary:
        return None
    total = store.series(run.id, ["gradient_equivalents"], x="gradient_equivalents", max_points=2).x
    return float(total[-1]) if total else None
