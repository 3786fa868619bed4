"""The page of the evidence says who got where, with losses and failures as plainly as wins."""

from itertools import zip_longest
from pathlib import Path

import pytest
from contests import CONTENDERS, CONTESTS, Contender, Contest
from evidence_page import Results, page
from evidence_record import Kind, Recorder, Run, files_of, joined, recorded
from trials import Mark, Measure, Outcome

from hessianfree_lab.training.optimizers import OPTIMIZERS
from hessianfree_lab.training.params import parse
from hessianfree_lab.training.problems import PROBLEMS

ONE, TWO = "digits", "classifier"
FAST, SLOW, BROKEN = "sgd", "recommended", "adam"


def run_of(contest: str, contender: str, kind: Kind, number: int, outcome: Outcome, measure: Measure) -> Run:
    return Run(
        measure=measure,
        contest=contest,
        contender=contender,
        kind=kind,
        number=number,
        settings="lr 0.1, batch_size all",
        outcome=outcome,
    )


def falling(pace: float, end: float = 0.0) -> list[Mark]:
    """From 100 to `end`, a tenth of the way each `pace` seconds, and half of them in gradients."""
    return [
        Mark(seconds=pace * n, equivalents=0.5 * pace * n, loss=100 - (100 - end) * n / 10) for n in range(11)
    ]


def runs_by(measure: Measure) -> list[Run]:
    made = []
    for contest in (ONE, TWO):
        for number in range(3):
            diverged = Outcome(marks=falling(1), failed="Diverged: at step 3")
            outcomes: list[tuple[str, Kind, Outcome]] = [
                (FAST, "seed", Outcome(marks=falling(1 + 0.1 * number))),
                (SLOW, "seed", Outcome(marks=falling(4, end=5))),
                (BROKEN, "seed", diverged),
                (FAST, "scan", Outcome(marks=falling((1, 1.9, 2.1)[number]))),
            ]
            made += [run_of(contest, who, kind, number, outcome, measure) for who, kind, outcome in outcomes]
    return made


RUNS = [*runs_by("seconds"), *runs_by("equivalents")]


def lines_of(runs: list[Run]) -> list[str]:
    return page(["today, one thread"], runs, stem=None).splitlines()


def test_targets_are_shares_of_the_largest_decrease() -> None:
    results = Results("seconds", RUNS)
    contest = results.contests[0]
    assert results.targets(contest) == {"near": pytest.approx(10), "far": pytest.approx(1)}


def test_the_page_tells_wins_losses_and_failures() -> None:
    lines = lines_of(RUNS)
    # Where it began to be bad does not matter: a run that diverged got nowhere.
    assert "| digits, near | SGD, Nesterov, 9.9 s | Hessian-free, recommended, 4.0x | first |" in lines
    assert "| digits, far | SGD, Nesterov, 11 s | not reached | first |" in lines
    assert "| digits, far | SGD, Nesterov, 5.5 gradients | not reached | first |" in lines
    fast = next(line for line in lines if line.startswith("| SGD, Nesterov | lr 0.1, batch_size all | 3/3"))
    assert "| 9.9 [9, 10.8] | 4.95 [4.5, 5.4] |" in fast
    assert next(line for line in lines if line.startswith("| Adam | lr")).endswith(
        "| 0/3 | – | – | 0/3 | – | – | inf |"
    )
    assert "| Hessian-free, recommended | 0% | 0% | 50% | 50% |" in lines
    assert "| SGD, Nesterov, lr 0.0001 to 1 | 2/3 | 2/3 |" in lines  # 2.1 is more than twice 1
    assert "today, one thread" in "\n".join(lines)


def test_who_is_not_made_for_a_problem_has_not_solved_it() -> None:
    some = [run for run in RUNS if (run.contest, run.contender) != (TWO, FAST)]
    assert "| SGD, Nesterov | 50% | 50% | 50% | 50% |" in lines_of(some)


def test_where_nobody_got_there_the_page_says_so() -> None:
    lines = lines_of([run for run in RUNS if run.contender == BROKEN])
    assert "# Who is how fast" in lines
    assert "| Adam | lr 0.1, batch_size all | inf |" in lines, "no target, and so no times"


def test_the_page_is_made_of_the_raw_numbers(tmp_path: Path) -> None:
    """Measured in two parts, written, joined and read: the same page."""
    for name, measure in (("a", "seconds"), ("b", "equivalents")):
        recorder = Recorder(tmp_path / name, f"today, {name}")
        for run in RUNS:
            if run.measure == measure:
                recorder.add(run)
    joined([tmp_path / "a", tmp_path / "b"], tmp_path / "both")
    circumstances, runs = recorded(tmp_path / "both")
    assert circumstances == ["today, a", "today, b"]
    assert lines_of(runs) == lines_of(RUNS)
    first, *_ = files_of(tmp_path / "both")
    assert first.read_text().count("Diverged: at step 3") == 2 * 2 * 3


def test_of_a_run_the_new_lows_and_the_end_are_recorded(tmp_path: Path) -> None:
    marks = [
        Mark(seconds=n, equivalents=n, loss=loss) for n, loss in enumerate((9.0, 5.0, 7.0, 4.0, 6.0, 5.5))
    ]
    recorder = Recorder(tmp_path / "one", "today")
    recorder.add(run_of(ONE, FAST, "trial", 0, Outcome(marks=marks), "seconds"))
    (run,) = recorded(tmp_path / "one")[1]
    assert [mark.loss for mark in run.outcome.marks] == [9, 5, 4, 5.5]


@pytest.mark.parametrize("contest", CONTESTS, ids=lambda contest: contest.name)
@pytest.mark.parametrize("contender", CONTENDERS, ids=lambda contender: contender.name)
def test_what_is_set_and_tuned_is_allowed(contest: Contest, contender: Contender) -> None:
    ends = {
        name: bounds.get("choices") or [bounds["low"], bounds["high"]]
        for name, bounds in contender.space.items()
    }
    assert contender.main in ends
    for values in zip_longest(*ends.values()):
        chosen = {name: value for name, value in zip(ends, values, strict=True) if value is not None}
        parse(OPTIMIZERS[contender.optimizer].params, {**contender.params, **chosen}, path="optimizer_params")
    for size in contender.batches_of(contest):
        batch = {} if contest.batches == (None,) else {"batch_size": size}
        parse(PROBLEMS[contest.problem].params, {**contest.params, **batch}, path="problem_params")
        assert size is None or size < (contest.cases or 0)
