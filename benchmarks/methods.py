"""What each part of the recommended method is worth: `python benchmarks/methods.py --write docs/methods.md`.

One part is exchanged at a time, and all take turns to the same training loss from the same start.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from racers import Racer, Start, on_all_data, plain, recommended
from table import Circumstances
from training import deep_autoencoder, long_lags

from hessianfree import HessianFree
from hessianfree.augmented import AugmentedConjugateGradient
from hessianfree.cg import ConjugateGradient
from hessianfree.method import Method
from hessianfree.preconditioners import GaussNewtonDiagonal, Nystrom
from hessianfree.preconditioners.kfac import KFAC

TURN = 5.0  # seconds

_HEAD = """# What each part of the recommended method is worth

Made by `benchmarks/methods.py`. Every line but the last two is `HessianFree.recommended(...)` on batches that grow by
4 % a step, with one part exchanged; all take turns from the same parameters to the same training loss. Iterations are
CG's, gradients those of all data (or as much other arithmetic, see [engine.md](engine.md)), seconds on a clock of
each one's own. Where the loss was not reached in time, the counts are what was spent.

[preconditioners.md](preconditioners.md) has preconditioners alone, [training.md](training.md) the races against Adam
and the earlier implementation. The decisions [70](decisions/0070-a-preconditioner-with-a-memory.md) to
[82](decisions/0082-what-is-recommended.md) have more figures, and what stayed out.
"""

PROBLEMS: dict[str, tuple[Callable[[int], Start], float]] = {  # how to make it, and the loss to get to
    "autoencoder": (deep_autoencoder, 60.0),
    "rnn": (lambda cases: long_lags(cases, length=30), 0.01),
}


def racers(start: Start) -> list[Racer]:
    """The recommended settings first, then one change each, then what came before."""

    def factors(**settings: float | bool) -> Callable[[Method], Method]:
        def changed(method: Method) -> Method:
            assert isinstance(method.preconditioner, KFAC)
            return replace(method, preconditioner=replace(method.preconditioner, **settings))

        return changed

    def iterations(most: int) -> Callable[[Method], Method]:
        def changed(method: Method) -> Method:
            assert isinstance(method.solver, AugmentedConjugateGradient)
            inner = replace(method.solver.solver, max_iter=most)
            return replace(method, solver=AugmentedConjugateGradient(solver=inner))

        return changed

    def plain_cg(method: Method) -> Method:
        return replace(method, solver=ConjugateGradient(max_iter=10, keep=()), warm_start=0.95)

    return [
        recommended(start, "recommended"),
        recommended(start, "no preconditioner", lambda method: replace(method, preconditioner=None)),
        recommended(
            start,
            "diagonal instead of K-FAC",
            lambda method: replace(method, preconditioner=GaussNewtonDiagonal()),
        ),
        recommended(
            start, "Nyström instead of K-FAC", lambda method: replace(method, preconditioner=Nystrom())
        ),
        recommended(start, "K-FAC with the damping in its factors", factors(damped=True)),
        recommended(start, "K-FAC with one damping for all layers", factors(balance=0.0), damping=0.01),
        recommended(start, "CG from 0.95 of the last solution", plain_cg),
        recommended(start, "one CG iteration: K-FAC's momentum", iterations(1)),
        recommended(start, "30 CG iterations", iterations(30)),
        recommended(start, "judged on its own batch", judge_share=1.0),
        recommended(start, "curvature on a quarter of the batch", curvature_share=0.25),
        recommended(replace(start, first=len(start.inputs)), "all data from the start"),
        on_all_data(
            start, "recommended without a model", lambda model: HessianFree.recommended(model.parameters())
        ),
        plain(start),
    ]


def report(start: Start, contenders: Sequence[Racer], target: float) -> list[str]:
    """A table as Markdown, of what each needed to get to `target`."""
    lines = [
        f"## {start.title}, {len(start.inputs)} cases, to a loss of {target:g}",
        "",
        "| | steps | CG iterations | gradients | seconds | |",
        "|---|---|---|---|---|---|",
    ]
    for racer in contenders:
        reached = racer.first_below(target)
        mark = reached or racer.marks[-1]
        remark = "" if reached else f"not reached: {racer.lowest.loss:.4g}"
        cells = [
            racer.title,
            str(mark.steps),
            str(mark.iterations),
            f"{mark.gradients:.0f}",
            f"{mark.seconds:.1f}",
        ]
        lines.append("| " + " | ".join([*cells, remark]) + " |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=10.0, help="at most, on every racer's clock")
    parser.add_argument("--problem", choices=sorted(PROBLEMS), action="append", help="one; all if not given")
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--write", type=Path, help="a Markdown file to write the tables into")
    options = parser.parse_args()
    command = ["benchmarks/methods.py", f"--seconds {options.seconds:g} --cases {options.cases}"]
    lines = [_HEAD, Circumstances.of_now("cpu", command).line(), ""]
    for name in options.problem or sorted(PROBLEMS):
        make, target = PROBLEMS[name]
        start = make(options.cases)
        contenders = racers(start)
        clock = 0.0
        while clock < options.seconds:
            clock = min(clock + TURN, options.seconds)
            for racer in contenders:
                racer.race(clock, target)
        lines += [*report(start, contenders, target), ""]
    print("\n".join(lines))
    if options.write is not None:
        options.write.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
