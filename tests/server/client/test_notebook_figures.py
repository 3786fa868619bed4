"""Figures in a notebook: those of the server, as Plotly's objects."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import plotly.graph_objects as go
import pytest

from hessianfree_lab.client import Client, ClientError
from hessianfree_lab.records import IngestBatch, ScriptRun
from server.client.lab_server import LabServer

PAGE = Path(__file__).parents[3] / "docs" / "notebooks.md"
SHOWN = re.compile(r"^(?:run|runs)\.figure\(.*\)$")


@pytest.fixture
def names(client: Client) -> list[str]:
    """Two runs of what the page asks for, the older one first."""
    names = ["a <b>first</b>", "second"]
    for name in names:
        run = client.create_run(ScriptRun(name=name, problem="digits-autoencoder"))
        rows = [
            {"step": step, "loss": 1.0 / step, "eval_loss": 2.0, "damping": 0.5, "gradient_equivalents": 2.0}
            for step in (1, 2, 3)
        ]
        trace = {"step": 2, "stop": "Convergence (Martens)", "damping": 0.5, "model_values": [0.0, -1.0]}
        client.send(run.id, IngestBatch.model_validate({"attempt": 1, "steps": rows, "cg": [trace]}))
    return names


def test_the_page_on_notebooks_works_as_written(shared_server: LabServer, names: list[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    known: dict[str, object] = {}
    figures = []
    for statement in ast.parse(code.replace("http://127.0.0.1:8765", shared_server.url)).body:
        text = ast.unparse(statement)
        if SHOWN.match(text):
            figures.append(eval(text, known))
        else:
            exec(text, known)
    over_seconds, over_work, damping, solve = figures
    assert all(isinstance(figure, go.Figure) for figure in figures)
    assert over_seconds.layout.xaxis.title.text == "Training time (s)"
    assert list(over_work.data[0].x) == [2.0, 4.0, 6.0]
    assert list(over_work.data[0].y) == [2.0, 2.0, 2.0]
    assert damping.layout.title.text == "Damping · second"
    assert list(solve.data[0].y) == [0.0, -1.0]
    known["client"].close()  # type: ignore[attr-defined]


def test_runs_lie_over_each_other_under_their_names(client: Client, names: list[str]) -> None:
    figure = client.runs("problem = digits-autoencoder", sort="-created", limit=2).figure()
    legend = [trace.name for trace in figure.data if trace.showlegend is not False and len(trace.x) == 3]
    assert legend == ["second", "a &lt;b&gt;first&lt;/b&gt;"]
    assert list(figure.data[0].y) == [1.0, 0.5, pytest.approx(1 / 3)]


def test_a_run_by_its_id_has_its_figures(client: Client, names: list[str]) -> None:
    (oldest,) = client.runs("problem = digits-autoencoder", sort="created", limit=1)
    figure = client.run(oldest.id).figure("loss")
    assert figure.layout.title.text == "Loss · a &lt;b&gt;first&lt;/b&gt;"


def test_what_is_not_there_is_said(client: Client, names: list[str]) -> None:
    run = next(iter(client.runs()))
    with pytest.raises(ClientError, match=r"There is no figure 'lost'; there are: .*loss"):
        run.figure("lost")
    with pytest.raises(ClientError, match="0 runs"):
        client.runs("problem = nothing").figure()


def test_the_client_does_without_plotly_until_a_figure_is_asked_for() -> None:
    code = "import sys, hessianfree_lab.client; sys.exit('plotly' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
