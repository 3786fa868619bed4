"""Reports: files that hold what a run recorded, and harm nobody who opens them."""

import base64
import hashlib
import html
import re

import pytest

from hessianfree_lab.store import Store
from hessianfree_lab.sweeps.driver import Driver
from server.api.in_process import JSON, InProcess
from server.makers import announcement, finish, optimizer, steps

HOSTILE = "</script><script>document.title = 'taken'</script>\"'&{{7*7}}{% raw %}"
KEY = HOSTILE.replace(".", "")  # a dot would lead further down


def record(http: InProcess, name: str, **script: object) -> str:
    run: str = http.post("/api/v1/runs", json={"name": name, **script}).json()["id"]
    steps = [{"step": step, "loss": 2.0 / step, "seconds": step, "cg_stop": HOSTILE} for step in (1, 2, 3)]
    traces = [
        {"step": step, "stop": "Convergence (Martens)", "damping": 0.5, "model_values": [0.0, -1.0]}
        for step in (2, 3)
    ]
    steps[1]["loss"] = 0.1  # the best
    for row in steps:
        row["cg_iterations"] = 2
    sent = http.post(f"/api/v1/runs/{run}/records", json={"attempt": 1, "steps": steps, "cg": traces})
    assert sent.status_code == 200, sent.text
    return run


def sweep(http: InProcess, store: Store) -> str:
    """A failed sweep: its name, its error, what it searches and every value of that mean harm."""
    schema = {"type": "object", "properties": {KEY: {"type": "string", "title": HOSTILE, "default": HOSTILE}}}
    worker = announcement(optimizers=[optimizer("odd", schema)])
    registered = http.post("/api/v1/workers", content=worker.model_dump_json(), headers=JSON).json()["id"]
    choices = [f"{HOSTILE}{number}" for number in range(7)]
    body = {
        "name": HOSTILE,
        "base": {"problem": "bowl", "optimizer": "odd", "name": HOSTILE},
        "search": {
            "method": "grid",
            "space": {f"optimizer_params.{KEY}": choices, "dtype": ["float32", "float64"]},
        },
    }
    begun = http.post("/api/v1/sweeps", json=body)
    assert begun.status_code == 201, begun.text
    found: str = begun.json()["id"]
    Driver(store).look()
    for number in range(2, 14):
        assignment = store.claim_job(registered)
        assert assignment is not None
        store.append(assignment.run, steps(1, number))
        store.finish(assignment.run, finish())
    store.sweeps.fail(found, HOSTILE)
    return found


@pytest.fixture
def reports(http: InProcess, store: Store) -> dict[str, str]:
    """Those of a run, a comparison and a sweep in which all that is somebody's own means harm."""
    one = record(http, HOSTILE, config={"lr": 0.1, HOSTILE: HOSTILE}, notes=HOSTILE)
    other = record(http, "another", config={"lr": 0.2})
    answers = {
        "run": http.get(f"/api/v1/runs/{one}/report.html"),
        "comparison": http.get(f"/api/v1/report.html?runs={one},{other}"),
        "sweep": http.get(f"/api/v1/sweeps/{sweep(http, store)}/report.html"),
    }
    for answer in answers.values():
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert re.fullmatch(
            r'attachment; filename="report-[\w-]+\.html"', answer.headers["content-disposition"]
        )
        # Were it shown in place all the same, it could run nothing on this origin.
        assert "script-src 'self';" in answer.headers["content-security-policy"]
    return {name: answer.text for name, answer in answers.items()}


@pytest.mark.parametrize("name", ["run", "comparison", "sweep"])
def test_a_report_runs_its_own_two_scripts_and_nothing_else(reports: dict[str, str], name: str) -> None:
    text = reports[name]
    scripts = re.findall(r"<script(?: type=\"module\")?>(.*?)</script>", text, re.DOTALL)
    assert len(scripts) == 2
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    assert f"script-src {allowed};" in policy
    assert "default-src 'none'" in policy
    assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//", text.replace(scripts[0], ""))


@pytest.mark.parametrize("name", ["run", "comparison", "sweep"])
def test_what_a_run_says_of_itself_is_text(reports: dict[str, str], name: str) -> None:
    assert "<script>document" not in reports[name]
    assert "&lt;/script&gt;&lt;script&gt;document" in reports[name]
    assert "{{7*7}}" in reports[name]


def test_a_sweeps_report_shows_its_error_its_choices_and_its_parameters_as_they_are(
    reports: dict[str, str],
) -> None:
    harmless = html.escape(HOSTILE)
    text = reports["sweep"].replace("&#34;", "&quot;").replace("&#39;", "&#x27;")
    assert f'<p class="notice bad">{harmless}</p>' in text
    assert f"<h1>{harmless}</h1>" in text
    assert f'<th scope="row">optimizer_params.{html.escape(KEY)}</th>' in text
    assert f'<td class="number">{harmless}5</td>' in text


def test_a_runs_report_has_its_settings_its_summary_and_the_inner_solves_of_two_steps(
    reports: dict[str, str],
) -> None:
    titles = re.findall(r"<h2>([^<]+)</h2>", reports["run"])
    assert {
        "Loss",
        "Inner solve, last step (3)",
        "Inner solve, best step (2)",
        "Summary",
        "Configuration",
    } <= {*titles}
    assert re.search(r'<th scope="row">Loss</th><td class="number">2</td>', reports["run"])


def test_a_comparison_says_in_what_its_runs_differ(reports: dict[str, str]) -> None:
    assert re.search(r'<th scope="row">config.lr</th><td>0.1</td><td>0.2</td>', reports["comparison"])


@pytest.mark.parametrize(
    ("path", "status"), [("/api/v1/runs/nothing/report.html", 404), ("/api/v1/report.html?runs=", 422)]
)
def test_there_is_no_report_of_nothing(http: InProcess, path: str, status: int) -> None:
    answer = http.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
