"""Nothing that comes over the wire or from a file is ever run: no code in jobs, no pickles, no shell."""

import ast
from collections.abc import Iterator
from pathlib import Path

# What turns data into behaviour, by its last name and, where that alone would say too little, its module's.
CALLS = {"eval", "exec", "compile", "__import__", "import_module", "execfile", "run_path", "run_module"}
OF_MODULES = {
    ("os", "system"), ("os", "popen"), ("torch", "load"), ("torch", "save"), ("yaml", "load"), ("yaml", "load_all"),
    ("yaml", "unsafe_load"), ("yaml", "full_load"), ("numpy", "load"), ("np", "load"), ("pandas", "read_pickle"),
    ("subprocess", "getoutput"), ("subprocess", "getstatusoutput"), ("asyncio", "create_subprocess_shell"),
}  # fmt: skip
MODULES = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "code", "codeop"}
# With the reason why it may.
ALLOWED = {
    (
        "server/hessianfree_lab/documents.py",
        "yaml.load",
    ): "with a loader of ours, which is SafeLoader with less",
}


def found_in(tree: ast.AST) -> Iterator[str]:
    """Every suspicious call and import, as it is written."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.partition(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module.partition(".")[0] in MODULES:
                yield node.module
            yield from (
                f"{node.module}.{alias.name}"
                for alias in node.names
                if (node.module.rpartition(".")[2], alias.name) in OF_MODULES
            )
        elif isinstance(node, ast.Call):
            function = node.func
            name = ast.unparse(function)
            if isinstance(function, ast.Name) and function.id in CALLS:
                yield name
            elif isinstance(function, ast.Attribute):
                owner = ast.unparse(function.value).rpartition(".")[2]
                if (owner, function.attr) in OF_MODULES or function.attr in CALLS - {"compile", "eval"}:
                    yield name
            for keyword in node.keywords:
                is_set = not (isinstance(keyword.value, ast.Constant) and not keyword.value.value)
                if keyword.arg in ("shell", "allow_pickle") and is_set:
                    yield f"{name}({keyword.arg}=...)"


def suspicious(committed_texts: dict[str, str]) -> set[tuple[str, str]]:
    return {
        (path, found)
        for path, text in committed_texts.items()
        if path.startswith(("engine/", "server/", "web/")) and path.endswith(".py")
        for found in found_in(ast.parse(text))
    }


def test_nothing_turns_data_into_code(committed_texts: dict[str, str]) -> None:
    assert suspicious(committed_texts) - ALLOWED.keys() == set()


def test_no_exception_outlives_its_reason(committed_texts: dict[str, str]) -> None:
    assert ALLOWED.keys() <= suspicious(committed_texts)


def test_the_search_finds_what_it_is_for() -> None:
    hidden = """
import pickle, os, yaml, torch, subprocess
from os import system
from yaml import load
eval("1"); exec("1"); __import__("os"); importlib.import_module(name)
os.system("ls"); yaml.load(text, Loader=yaml.Loader); torch.load(path)
subprocess.run("ls", shell=True); np.load(path, allow_pickle=True)
"""
    assert set(found_in(ast.parse(hidden))) == {
        "pickle", "os.system", "yaml.load", "eval", "exec", "__import__", "importlib.import_module", "torch.load",
        "subprocess.run(shell=...)", "np.load", "np.load(allow_pickle=...)",
    }  # fmt: skip
    harmless = "re.compile('a'); model.eval(); subprocess.run(['ls'], shell=False); json.load(file)"
    assert not set(found_in(ast.parse(harmless)))


def test_no_page_has_a_script_of_its_own(root: Path, committed_texts: dict[str, str]) -> None:
    """The policy forbids it; and no element is made from text."""
    for path, text in committed_texts.items():
        if path.startswith("web/") and path.endswith((".html", ".js")):
            for word in (
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                "new Function",
            ):
                assert word not in text, (path, word)
            for word in ("|safe", "| safe", "autoescape false", "onclick=", "onload=", "javascript:"):
                assert word not in text or path.endswith(".js"), (path, word)
