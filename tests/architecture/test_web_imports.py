"""The dashboard's modules: elements -> api, events, lib; what lies in lib is pure."""

import re
from pathlib import PurePosixPath

STATIC = PurePosixPath("web/hessianfree_web/static")
IMPORT = re.compile(
    r"""(?:^|\n)\s*(?:import|export)\s[^;]*?from\s*["']([^"']+)["']|import\(\s*["']([^"']+)["']\s*\)"""
)
BROWSER = re.compile(
    r"\b(?:document|window|localStorage|sessionStorage|fetch|EventSource|HTMLElement|customElements)\b"
)
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)


def modules(committed_texts: dict[str, str]) -> dict[PurePosixPath, str]:
    """The dashboard's own ES modules without their comments, by their path below static/."""
    found = {
        PurePosixPath(name).relative_to(STATIC): COMMENT.sub("", text)
        for name, text in committed_texts.items()
        if PurePosixPath(name).is_relative_to(STATIC) and name.endswith(".js")
    }
    assert found
    return found


def imports(module: PurePosixPath, text: str) -> list[PurePosixPath]:
    """What the module imports, as paths below static/."""
    targets = []
    for groups in IMPORT.findall(text):
        target = next(filter(None, groups))
        assert target.startswith("."), f"{module} imports {target!r}, which is no file of ours"
        parts: list[str] = []
        for part in (module.parent / target).parts:
            if part == "..":
                parts.pop()
            else:
                parts.append(part)
        targets.append(PurePosixPath(*parts))
    return targets


def test_imports_lead_to_files_and_never_to_elements(committed_texts: dict[str, str]) -> None:
    found = modules(committed_texts)
    for module, text in found.items():
        for target in imports(module, text):
            assert target in found, f"{module} imports {target}, which does not exist"
            if module.parts[0] != "elements" and len(module.parts) > 1:
                assert target.parts[0] != "elements", f"{module} imports {target}"


def test_lib_is_pure(committed_texts: dict[str, str]) -> None:
    for module, text in modules(committed_texts).items():
        if module.parts[0] == "lib":
            assert all(target.parts[0] == "lib" for target in imports(module, text)), module
            assert not BROWSER.search(text), f"{module} speaks of the browser"
