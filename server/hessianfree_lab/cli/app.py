"""The command's root: the verbs, the options before them, and the one place where errors become sentences."""

import os
import sys
import traceback
from collections.abc import Callable
from typing import Annotated, NoReturn

import typer

from hessianfree_lab.cli import (
    cancel,
    change,
    check,
    db,
    demo,
    doctor,
    export,
    new,
    optimizers,
    options,
    pause,
    problems,
    resume,
    retry,
    runs,
    serve,
    submit,
    sweep,
    sync,
    tokens,
    up,
    watch,
    work,
    workers,
)
from hessianfree_lab.errors import ClientError, ConfigurationError, InvalidRequest, LabError, RunNotFound
from hessianfree_lab.variables import DEBUG
from hessianfree_lab.version import __version__

FAILED = 1  # it was tried, and did not work out
MISTAKEN = 2  # the command, a file or a setting is at fault: also what typer's own usage errors exit with
MISTAKEN_STATUS = frozenset({400, 404, 413, 422})

VERBS: dict[str, Callable[..., None]] = {
    "demo": demo.demo,
    "up": up.up,
    "serve": serve.serve,
    "work": work.work,
    "submit": submit.submit,
    "sweep": sweep.sweep,
    "runs": runs.runs,
    "workers": workers.workers,
    "watch": watch.watch,
    "cancel": cancel.cancel,
    "pause": pause.pause,
    "resume": resume.resume,
    "set": change.change,
    "retry": retry.retry,
    "export": export.export,
    "sync": sync.sync,
    "problems": problems.problems,
    "optimizers": optimizers.optimizers,
    "check": check.check,
    "doctor": doctor.doctor,
}

app = typer.Typer(
    name="hessianfree",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        print(f"hessianfree-lab {__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    server: options.Server = None,
    token: options.Token = None,
    token_file: options.TokenFile = None,
    debug: Annotated[bool, typer.Option("--debug", help=f"Show tracebacks; or {DEBUG}=1.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Train with a Hessian-free optimizer, and see what it did.

    Options given before the verb are defaults of the same options after it.
    """
    if debug:
        os.environ[DEBUG] = "1"  # also for the processes that a verb starts
    given = {"server": server, "token": token, "token_file": token_file}
    defaults = {name: value for name, value in given.items() if value is not None}
    context.default_map = dict.fromkeys(VERBS, defaults)


for _name, _verb in VERBS.items():
    app.command(_name)(_verb)
app.add_typer(new.app, name="new")
app.add_typer(db.app, name="db")
app.add_typer(tokens.app, name="tokens")


def main() -> NoReturn:
    """Run the command line and exit: 0, 1 (failed), 2 (mistaken) or 130 (interrupted)."""
    try:
        app()
    except LabError as error:
        if _wants_traceback():
            traceback.print_exc()
        _say(error)
        sys.exit(_exit_code(error))
    except Exception as error:
        if _wants_traceback():
            raise
        words = " ".join(str(error).split())
        print(f"hessianfree: An unexpected {type(error).__name__}: {words} (--debug: where)", file=sys.stderr)
        sys.exit(FAILED)
    sys.exit(0)


def _wants_traceback() -> bool:
    return os.environ.get(DEBUG, "") not in ("", "0")


def _say(error: LabError) -> None:
    """One sentence; where a request has several faults, each on a line of its own."""
    print(f"hessianfree: {error}", file=sys.stderr)
    faults = error.errors if isinstance(error, ClientError) else ()
    for fault in faults:
        if fault.message not in str(error):
            print(f"  {fault.path}: {fault.message}" if fault.path else f"  {fault.message}", file=sys.stderr)


def _exit_code(error: LabError) -> int:
    is_mistaken = isinstance(error, ConfigurationError | InvalidRequest | RunNotFound)
    if isinstance(error, ClientError):
        is_mistaken = error.status in MISTAKEN_STATUS
    return MISTAKEN if is_mistaken else FAILED
