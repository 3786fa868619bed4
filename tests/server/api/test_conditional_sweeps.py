"""Sweeps of parameters that only some trials have, several optimizers among them; and what such a sweep has found."""

from typing import Any

import pytest

from hessianfree_lab.store import Store
from server.api.in_process import InProcess
from server.api.test_sweeping import SWEEPS, begin, body, wait
from server.makers import HESSIANFREE_SCHEMA, announcement, batch, finish, optimizer, step

LR_SCHEMA = {
    "type": "object",
    "properties": {
        "lr": {"type": "number", "exclusiveMinimum": 0, "default": 0.1},
        "beta": {"type": "number"},
    },
    "additionalProperties": False,
}
DAMPING = "optimizer_params.damping"
ADAM_LR = {"path": "optimizer_params.lr", "choices": [0.1, 0.2], "when": {"optimizer": "adam"}}
SGD_LR = {"path": "optimizer_params.lr", "choices": [1.0, 2.0], "when": {"optimizer": "sgd"}}
HF_DAMPING = {"low": 1, "high": 10, "step": 9, "when": {"optimizer": ["hessianfree"]}}
RIVALS = {
    "optimizer": ["adam", "sgd", "hessianfree"],
    "adam_lr": ADAM_LR,
    "sgd_lr": SGD_LR,
    DAMPING: HF_DAMPING,
}


@pytest.fixture
def rivals(store: Store) -> str:
    """A worker that has three optimizers."""
    known = [
        optimizer("hessianfree", HESSIANFREE_SCHEMA),
        optimizer("adam", LR_SCHEMA),
        optimizer("sgd", LR_SCHEMA),
    ]
    return store.add_worker(announcement(optimizers=known))


def train(store: Store, worker: str) -> None:
    """Finish every job: Adam is the better the greater its rate, sgd diverges, the damping decides the rest."""
    while assignment := store.claim_job(worker):
        spec = store.get_run(assignment.run).spec
        params = spec["optimizer_params"]
        loss = {"adam": 1 / params.get("lr", 1), "sgd": None, "hessianfree": params.get("damping", 0) / 100}[
            spec["optimizer"]
        ]
        store.append(assignment.run, batch(step(1, loss=1.0 if loss is None else loss)))
        store.finish(assignment.run, finish() if loss is not None else finish("failed", cause="diverged"))


def test_rivals_are_tried_with_what_is_theirs(http: InProcess, store: Store, rivals: str) -> None:
    sweep = begin(http, space=RIVALS, optimizers={"hessianfree": {"cg_max_iter": 9}})
    assert (sweep["name"], sweep["total"]) == ("adam, sgd, hessianfree on bowl", 6)
    assert sweep["spec"]["optimizers"] == {"adam": {}, "sgd": {}, "hessianfree": {"cg_max_iter": 9}}
    assert sweep["spec"]["base"]["optimizer_params"] == {}
    assert isinstance(sweep["spec"]["search"]["space"][DAMPING]["low"], float)
    wait(http, sweep, lambda known: known["trials"]["queued"] == 6)
    tried = [trial["params"] for trial in http.get(f"{SWEEPS}/{sweep['id']}/trials").json()["items"]]
    assert tried == [
        {"optimizer": "adam", "adam_lr": 0.1},
        {"optimizer": "adam", "adam_lr": 0.2},
        {"optimizer": "sgd", "sgd_lr": 1.0},
        {"optimizer": "sgd", "sgd_lr": 2.0},
        {"optimizer": "hessianfree", DAMPING: 1.0},
        {"optimizer": "hessianfree", DAMPING: 10.0},
    ]
    jobs = [run["spec"] for run in http.get("/api/v1/jobs").json()["items"]]
    assert [(job["optimizer"], job["optimizer_params"]) for job in jobs[1::2]] == [
        ("adam", {"lr": 0.2}),
        ("sgd", {"lr": 2.0}),
        ("hessianfree", {"cg_max_iter": 9, "damping": 10.0}),
    ]
    train(store, rivals)
    ended = wait(http, sweep, lambda known: known["state"] == "completed")
    assert (ended["best"]["params"], ended["trials"]["failed"]) == (
        {"optimizer": "hessianfree", DAMPING: 1.0},
        2,
    )

    by_lr = http.get(f"{SWEEPS}/{sweep['id']}/trials?sort=-adam_lr").json()["items"]
    assert [trial["number"] for trial in by_lr] == [1, 0, 2, 3, 4, 5]
    report = http.get(f"{SWEEPS}/{sweep['id']}/report").json()
    assert [trial["number"] for trial in report["best"]] == [4, 5, 1, 0]
    assert {each["name"]: (each["is_set"], each["best"]) for each in report["params"]} == {
        "optimizer": (True, "hessianfree"),
        DAMPING: (True, 1.0),
        "adam_lr": (False, 0.2),
        "sgd_lr": (False, None),
    }
    file = http.get(f"{SWEEPS}/{sweep['id']}/report.html")
    assert "attachment" in file.headers["content-disposition"]
    for words in (
        "adam, sgd, hessianfree on bowl",
        "Best trials",
        "Slice: adam_lr",
        "search further",
        "where optimizer is",
    ):
        assert words in file.text.replace("\n", " "), words


def test_an_estimator_takes_conditions_too(http: InProcess, store: Store, rivals: str) -> None:
    sweep = begin(http, space=RIVALS, method="tpe", search={"trials": 16}, parallel=4)
    for ended in range(4, 17, 4):
        wait(http, sweep, lambda known, ended=ended: sum(known["trials"].values()) >= ended)  # type: ignore[misc]
        train(store, rivals)
    wait(http, sweep, lambda known: known["state"] == "completed")
    theirs = {"adam": "adam_lr", "sgd": "sgd_lr", "hessianfree": DAMPING}
    for trial in http.get(f"{SWEEPS}/{sweep['id']}/trials").json()["items"]:
        assert set(trial["params"]) == {"optimizer", theirs[trial["params"]["optimizer"]]}


def test_the_yaml_of_a_checked_sweep_is_that_sweep(http: InProcess, rivals: str) -> None:
    asked = body(space=RIVALS, optimizers={"sgd": {"beta": 1.0}}) | {"name": "mine"}
    asked["search"]["pruning"] = {"after": 5}
    check = http.post("/api/v1/check", json=asked).json()
    assert (check["trials"], "base" in check["differs"]) == (6, True)
    again = http.post("/api/v1/check", content=check["yaml"], headers={"Content-Type": "application/yaml"})
    assert again.json()["sweep"] == check["sweep"]
    assert check["differs"]["optimizers"] == {"sgd": {"beta": 1.0}}


def when(**conditions: Any) -> dict[str, Any]:
    return {"choices": [0.1], "when": conditions}


@pytest.mark.parametrize(
    ("sweep", "path", "message"),
    [
        (
            {"space": {DAMPING: when(optimiser=["adam"])}},
            f"search.space.{DAMPING}.when.optimiser",
            "no parameter of",
        ),
        (
            {"space": RIVALS | {DAMPING: when(optimizer="lion")}},
            f"search.space.{DAMPING}.when.optimizer",
            "optimizer is never 'lion'; it is one of 'adam', 'sgd', 'hessianfree'.",
        ),
        (
            {"space": {"budget.steps": {"low": 1, "high": 9}, DAMPING: when(**{"budget.steps": 3})}},
            f"search.space.{DAMPING}.when.budget.steps",
            "budget.steps is a range: a condition is about a parameter with choices.",
        ),
        (
            {
                "space": {
                    "dtype": {"choices": ["float32"], "when": {DAMPING: 0.1}},
                    DAMPING: when(dtype="float32"),
                }
            },
            "search.space",
            f"dtype depends on itself: dtype > {DAMPING} > dtype.",
        ),
        (
            {"space": RIVALS | {"sgd_lr": SGD_LR | {"when": {"optimizer": ["sgd", "adam"]}}}},
            "search.space.adam_lr",
            "adam_lr cannot be searched together with sgd_lr, which sets the same where optimizer adam.",
        ),
        (
            {
                "space": RIVALS
                | {"adam_lr": ADAM_LR, "optimizer_params.beta": when(adam_lr=0.1, optimizer="sgd")}
            },
            "search.space.optimizer_params.beta.when",
            "optimizer_params.beta never applies: no trial meets all its conditions.",
        ),
        (
            {"space": {"optimizer": ["adam", "hessianfree"], "optimizer_params.lr": [0.1]}},
            "search.space.optimizer_params.lr.choices.0",
            "optimizer_params.lr is not a known key.",
        ),
        (
            {"space": RIVALS | {"sgd_lr": SGD_LR | {"choices": [1.0, -1.0]}}},
            "search.space.sgd_lr.choices.1",
            "optimizer_params.lr is -1.0; it must be above 0.",
        ),
        (
            {"space": RIVALS, "optimizers": {"sgd": {"rate": 1}}},
            "optimizers.sgd.rate",
            "optimizer_params.rate is not a known key.",
        ),
        (
            {"space": RIVALS, "optimizers": {"sdg": {}}},
            "optimizers.sdg",
            "sdg is not tried. Did you mean 'sgd'?",
        ),
        ({"optimizers": {"sgd": {}}}, "optimizers", "optimizers stand beside a search of optimizer"),
        (
            {"space": RIVALS, "base": {"problem": "bowl", "optimizer_params": {"lr": 1}}},
            "base.optimizer_params",
            "Settings belong to one optimizer, and several are tried",
        ),
        (
            {"space": {"optimizer": ["adam", "lion"]}},
            "search.space.optimizer.choices.1",
            "No worker knows the optimizer",
        ),
        (
            {"space": {"which": {"path": "optimizer", "choices": ["adam"]}}},
            "search.space.which.path",
            "is called that",
        ),
        (
            {"search": {"pruning": {"after": 100}}},
            "search.pruning.after",
            "it must be below the budget of 100 steps.",
        ),
        ({"search": {"pruning": {"factor": 2}}}, "search.pruning.after", "search.pruning.after is missing."),
    ],
)
def test_what_is_wrong_with_conditions_is_said_with_its_path(
    http: InProcess, rivals: str, sweep: dict[str, Any], path: str, message: str
) -> None:
    answer = http.post(SWEEPS, json=body(**sweep))
    assert answer.status_code == 422, answer.text
    faults = {fault["path"]: fault["message"] for fault in answer.json()["errors"]}
    assert path in faults, faults
    assert message in faults[path]


@pytest.mark.parametrize("name", ["report", "report.html"])
def test_a_sweep_that_is_not_there_has_no_report(http: InProcess, name: str) -> None:
    assert http.get(f"{SWEEPS}/nowhere/{name}").status_code == 404
