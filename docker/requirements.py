"""Print what an extra of pyproject.toml asks for, one requirement a line: `python requirements.py server`.

The bare distribution depends on everything, so that `pip install hessianfree-lab` gives a working single machine; an
extra could only add to that. An image that wants less installs the extra's own list first, and then the distribution
without its dependencies.
"""

import sys
import tomllib
from pathlib import Path


def requirements(pyproject: Path, extra: str) -> list[str]:
    """The extra's requirements; exits with a sentence when there is no such extra."""
    extras = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    if extra not in extras:
        sys.exit(f"{pyproject} has no extra {extra!r}; it has: {', '.join(sorted(extras))}.")
    found: list[str] = extras[extra]
    return found


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python requirements.py EXTRA")
    print("\n".join(requirements(Path("pyproject.toml"), sys.argv[1])))
