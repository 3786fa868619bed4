"""Print what extras of pyproject.toml ask for, one requirement a line: `python requirements.py server postgres`.

The bare distribution depends on everything, so that `pip install hessianfree-lab` gives a working single machine; an
extra could only add to that. An image that wants less installs the extras' own lists first, and then the distribution
without its dependencies.
"""

import sys
import tomllib
from pathlib import Path


def requirements(pyproject: Path, *names: str) -> list[str]:
    """The extras' requirements, in their order; exits with a sentence when there is no such extra."""
    extras = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for name in names:
        if name not in extras:
            sys.exit(f"{pyproject} has no extra {name!r}; it has: {', '.join(sorted(extras))}.")
    return [line for name in names for line in extras[name]]


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python requirements.py EXTRA...")
    print("\n".join(requirements(Path("pyproject.toml"), *sys.argv[1:])))
