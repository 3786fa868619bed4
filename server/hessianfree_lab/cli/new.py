"""`hessianfree new`: files to begin from."""

import keyword
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from hessianfree_lab.errors import LabError
from hessianfree_lab.names import check_problem_name

app = typer.Typer(name="new", help="Files to begin from.", no_args_is_help=True)


@app.callback()
def new() -> None:
    """Files to begin from."""


@app.command("problem")
def problem(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the problem, such as my-regression.")],
    folder: Annotated[
        Path, typer.Option("--problems", metavar="DIR", help="Where the file goes; made if it is not there.")
    ] = Path("problems"),
) -> None:
    """Begin a problem of your own.

    Writes DIR/NAME.py, which works as it is, to be changed.
    """
    try:
        check_problem_name(name)
    except ValueError as error:
        raise LabError(str(error)) from None
    identifier = name.replace("-", "_")
    if keyword.iskeyword(identifier):
        raise LabError(f"{name!r} is a word of Python's: choose another name.")
    file = folder / f"{identifier}.py"
    text = files("hessianfree_lab.cli").joinpath("templates", "problem.py").read_text(encoding="utf-8")
    title = name.replace("-", " ").capitalize()
    text = text.replace("my_problem", identifier).replace("My problem", title)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with file.open("x", encoding="utf-8") as new_file:
            new_file.write(text)
    except FileExistsError:
        raise LabError(f"{file} is there already: choose another name.") from None
    typer.echo(f"Wrote {file}. Change it, then: hessianfree check {file}")
