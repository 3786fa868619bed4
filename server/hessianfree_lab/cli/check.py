"""`hessianfree check`: is a problem of one's own what jobs and a second-order method need?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from hessianfree_lab.training.checking import Finding


def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A Python file with problems.")],
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this problem of it.")] = None,
) -> None:
    """Test a problem of your own.

    Builds it and looks at its name, shapes, seeds, evaluation, determinism, reduction, gradient, convexity,
    Gauss-Newton products against a dense matrix, and a job in float32 that is taken up again. Loads the file's whole
    folder, as a worker does. Exits with 1 if something is wrong.
    """
    from rich.console import Console

    from hessianfree_lab.training.checking import check as look
    from hessianfree_lab.training.problems import PROBLEMS
    from hessianfree_lab.training.problems.finding import (
        installed_problems,
        problems_of_file,
        problems_of_folder,
    )
    from hessianfree_lab.training.registry import by_name, find

    problems = problems_of_file(file)
    if not problems:
        typer.echo(f"{file} has no problem: decorate a function with @problem(title=...).", err=True)
        raise typer.Exit(1)
    chosen = problems if name is None else [find(by_name(problems), name, kind="problem")]
    beside = installed_problems() + problems_of_folder(file.parent)
    elsewhere = [each for each in beside.problems if each.source != problems[0].source]
    console = Console(markup=False, highlight=False, soft_wrap=True)
    wrong = 0
    for problem in chosen:
        console.print(problem.name, style="bold", end="")
        console.print(f"  {problem.title}")
        others = [*PROBLEMS.values(), *elsewhere, *(each for each in problems if each is not problem)]
        for finding in look(problem, others):
            wrong += not finding.is_right
            _print(console, finding)
    for sentence in beside.broken:
        typer.echo(f"No worker starts with this folder: {sentence}", err=True)
    if wrong or beside.broken:
        raise typer.Exit(1)
    typer.echo(
        "All is right. Start a worker with 'hessianfree work --problems DIR', DIR being the file's folder."
    )


def _print(console: "Console", finding: "Finding") -> None:
    console.print("  ", end="")
    console.print(
        "ok   " if finding.is_right else "wrong", style="green" if finding.is_right else "red", end=""
    )
    console.print(f" {finding.what}{': ' if finding.told else ''}{finding.told}")
