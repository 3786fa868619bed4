"""Where problems of one's own are found: entry points of installed packages, and the Python files of a folder."""

import ast
import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from hessianfree_lab.errors import LabError
from hessianfree_lab.training.problems.interface import Problem, Source
from hessianfree_lab.variables import PROBLEMS

ENTRY_POINTS = "hessianfree_lab.problems"


@dataclass(frozen=True, kw_only=True)
class Found:
    """Problems of one's own, and a sentence about each file or entry point that cannot be loaded."""

    problems: Sequence[Problem] = ()
    broken: Sequence[str] = ()

    def __add__(self, other: "Found") -> "Found":
        return Found(problems=[*self.problems, *other.problems], broken=[*self.broken, *other.broken])


@cache
def own_problems() -> Found:
    """Those of installed packages, and those in the folder that the environment names; loaded once in a process.

    Raises `LabError` for a folder that is not there.
    """
    found = installed_problems()
    if folder := os.environ.get(PROBLEMS):
        found += problems_of_folder(Path(folder))
    return found


def installed_problems() -> Found:
    """Those that entry points name: a problem, or a module with several that its package defines."""
    found = Found()
    for entry in entry_points(group=ENTRY_POINTS):
        try:
            found += Found(problems=_named_by(entry))
        except (Exception, SystemExit) as error:
            told = f"The entry point {entry.name} = {entry.value} cannot be loaded: {_told(error)}"
            found += Found(broken=[told])
    return found


def problems_of_folder(folder: Path) -> Found:
    """All problems in the Python files of a folder, but in those whose names begin with an underscore."""
    if not folder.is_dir():
        raise LabError(f"{folder}: there is no such folder of problems.")
    found = Found()
    with _imports_from(folder.resolve()):
        for file in sorted(file for file in folder.glob("*.py") if not file.name.startswith("_")):
            try:
                found += Found(problems=_problems_of(file))
            except LabError as error:
                found += Found(broken=[str(error)])
    return found


def problems_of_file(file: Path) -> Sequence[Problem]:
    """Those that a Python file defines, which may import from files beside it.

    Raises `LabError`, with the line, for one that cannot be loaded.
    """
    if not file.is_file():
        raise LabError(f"{file}: there is no such file.")
    with _imports_from(file.resolve().parent):
        return _problems_of(file)


def _named_by(entry: EntryPoint) -> list[Problem]:
    loaded = entry.load()
    package = entry.value.partition(".")[0].partition(":")[0]
    if isinstance(loaded, Problem):
        problems = [loaded]
    elif isinstance(loaded, ModuleType):
        problems = [each for each in _problems_in(loaded) if each.module.partition(".")[0] == package]
    else:
        raise TypeError(f"it names a {type(loaded).__name__}; it must name a problem or a module")
    name, version = (entry.dist.name, entry.dist.version) if entry.dist else (package, "")
    source = Source(place=f"the package {name}", versions={name: version})
    return [replace(problem, source=source) for problem in problems]


def _problems_of(file: Path) -> list[Problem]:
    place = file.resolve()
    try:
        source = Source(
            place=str(place), versions=_versions(place)
        )  # first: what is written meanwhile is not loaded
        module = _module_of(place)
    except (Exception, SystemExit) as error:
        raise LabError(f"{file} cannot be loaded: {_told(error, place)}") from error
    return [
        replace(problem, source=source)
        for problem in _problems_in(module)
        if problem.module == module.__name__
    ]


def _problems_in(module: ModuleType) -> list[Problem]:
    """In the order in which they are defined, each once; also those that it imports."""
    found: list[Problem] = []
    for value in vars(module).values():
        if isinstance(value, Problem) and not any(value is other for other in found):
            found.append(value)
    return found


def _module_of(place: Path) -> ModuleType:
    """The file as a module, under the name by which files beside it import it: so both have the same problems."""
    name = place.stem
    if name in sys.stdlib_module_names or not name.isidentifier():
        name = f"hessianfree_own_{name}"  # nobody can import it
    known = sys.modules.get(name)
    if known is not None and known.__file__ == str(place):
        return known
    spec = importlib.util.spec_from_file_location(name, place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


class _Beside(MetaPathFinder):
    """Finds what lies in a folder before an installed package of the same name, but after Python's own library."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if path is not None or fullname in sys.stdlib_module_names:
            return None
        spec = PathFinder.find_spec(fullname, [str(self._folder)], target)
        return spec if spec is not None and spec.loader is not None else None  # a folder of data is no module


@contextmanager
def _imports_from(folder: Path) -> Iterator[None]:
    """Meanwhile what a folder has is imported from there, even if another module of that name was imported before.

    Afterwards it is found where nothing else has its name: functions import, too.
    """
    taken = {file.stem for file in folder.glob("*.py")} | {
        file.parent.name for file in folder.glob("*/__init__.py")
    }
    taken -= sys.stdlib_module_names
    aside = {
        name: module
        for name, module in sys.modules.items()
        if name.partition(".")[0] in taken and not _lies_in(folder, module)
    }
    for name in aside:
        del sys.modules[name]
    finder, writes_no_code = _Beside(folder), sys.dont_write_bytecode
    sys.meta_path.insert(0, finder)
    sys.dont_write_bytecode = True  # it goes by whole seconds, and knows no edit within one
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.dont_write_bytecode = writes_no_code
        sys.meta_path.remove(finder)
        tops = {name.partition(".")[0] for name in aside}
        for name in [name for name in sys.modules if name.partition(".")[0] in tops]:
            del sys.modules[name]
        sys.modules.update(aside)
        if str(folder) not in sys.path:
            sys.path.append(str(folder))


def _lies_in(folder: Path, module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and Path(file).is_relative_to(folder)


def _versions(place: Path) -> dict[str, str]:
    """SHA-256 of a file, and of what it imports from beside it, and that in turn; by their names."""
    found: dict[str, str] = {}
    waiting = [place]
    while waiting:
        file = waiting.pop()
        name = str(file.relative_to(place.parent))
        if name not in found:
            content = file.read_bytes()
            found[name] = sha256(content).hexdigest()
            waiting += [beside for top in _imported(content) for beside in _files_of(place.parent, top)]
    return found


def _imported(content: bytes) -> set[str]:
    """The modules, without what is in them, that a text imports; none of what is no Python."""
    try:
        nodes = list(ast.walk(ast.parse(content)))
    except (SyntaxError, ValueError):
        return set()
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [
        node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level
    ]
    return {name.partition(".")[0] for name in names}


def _files_of(folder: Path, module: str) -> list[Path]:
    """Those of a module beside a problem; none of one that is elsewhere."""
    file = folder / f"{module}.py"
    return sorted((folder / module).rglob("*.py")) or ([file] if file.is_file() else [])


def _told(error: BaseException, file: Path | None = None) -> str:
    """The error, and the last line of the file that led to it."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(file)]
    if isinstance(error, SyntaxError) and error.filename == str(file):
        lines = [error.lineno]
    where = f" (line {lines[-1]})" if lines and lines[-1] else ""
    if isinstance(error, SystemExit):
        return f'it exits when it is imported{where}; put what is a script under if __name__ == "__main__".'
    return f"{type(error).__name__}: {error}{where}."
