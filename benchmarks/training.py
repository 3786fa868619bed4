"""Seconds to equal training loss: Hessian-free as recommended, its predecessor, and Adam at its best learning rate.

`python benchmarks/training.py --minutes 10 --write docs/training.md`. All start from the same parameters. They take
turns of ten seconds, so that a machine that slows down slows them alike. Every racer gets the first fifth of the
minutes, the recommended settings two fifths, and the two learning rates of Adam that lead after a fifth all of them.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from racers import Racer, Start, adam, plain, predecessor, recommended
from table import Circumstances

from hessianfree_lab.training.problems.autoencoders.autoencoder import PixelCrossEntropy, autoencoder
from hessianfree_lab.training.problems.autoencoders.curves import curves
from hessianfree_lab.training.problems.autoencoders.curves_autoencoder import WIDTHS
from hessianfree_lab.training.problems.long_lags.addition import draw
from hessianfree_lab.training.problems.long_lags.recurrent import RecurrentNetwork
from hessianfree_lab.training.problems.networks import sparse

_HEAD = """# Seconds to equal training loss

Made by `benchmarks/training.py`. All racers start from the same parameters, and take turns of ten seconds on clocks
of their own; looking at the loss on all data is off the clock. "Recommended" is `HessianFree.recommended(...)` on
batches that grow by 4 % a step from 250 cases. The earlier implementation is a plain transcription on BackPACK's
products, its ratio measured from zero, else at its defaults; `HessianFree(...)` is the same method by this engine.
Adam has batches of 200 (autoencoder) and 100 cases. The last column is the racer's time to its lowest loss over the
time in which the recommended settings got as far.
"""

RATES = (1e-4, 3e-4, 1e-3, 3e-3)
TURN = 10.0  # seconds


def deep_autoencoder(cases: int) -> Start:
    """784-400-200-100-50-25-6 and back on curves, sparse initialization, cross-entropy summed over pixels."""
    images = curves(cases)
    return Start(
        title="deep autoencoder",
        model=autoencoder(WIDTHS, "sigmoid", torch.Generator().manual_seed(0), sparse).float(),
        loss_function=PixelCrossEntropy(),
        inputs=images,
        targets=images,
        batch_size=200,
        first=min(250, cases),
    )


def long_lags(cases: int, length: int = 50) -> Start:
    """100 tanh units that add two marked numbers out of `length`."""
    generator = torch.Generator().manual_seed(0)
    model = RecurrentNetwork(2, 100, 1, generator).float()
    sequences, targets = (part.float() for part in draw(cases, length, generator))
    return Start(
        title=f"addition over {length} places",
        model=model,
        loss_function=torch.nn.MSELoss(),
        inputs=sequences,
        targets=targets,
        batch_size=100,
        first=min(250, cases),
    )


STARTS: dict[str, Callable[[int], Start]] = {"autoencoder": deep_autoencoder, "rnn": long_lags}


def take_turns(racers: Sequence[Racer], seconds: float) -> None:
    """All of them until their clocks show `seconds`."""
    clock = min((racer.seconds for racer in racers), default=seconds)
    while clock < seconds:
        clock = min(clock + TURN, seconds)
        for racer in racers:
            racer.race(clock)


def report(start: Start, racers: Sequence[Racer]) -> list[str]:
    """A table as Markdown: what each reached, and the seconds that the first of `racers` took to get as far."""
    ours = racers[0]
    lines = [
        f"## {start.title}, {len(start.inputs)} cases",
        "",
        "| | seconds | steps | lowest loss | at second | recommended got there at second | times faster |",
        "|---|---|---|---|---|---|---|",
    ]
    for racer in racers:
        lowest, end = racer.lowest, racer.marks[-1]
        level = None if racer is ours else ours.first_below(lowest.loss)
        there = "" if racer is ours else "not reached" if level is None else f"{level.seconds:.1f}"
        faster = "" if level is None else f"{lowest.seconds / max(level.seconds, 1e-9):.1f}"
        cells = [
            racer.title,
            f"{end.seconds:.0f}",
            str(end.steps),
            f"{lowest.loss:.5g}",
            f"{lowest.seconds:.1f}",
        ]
        lines.append("| " + " | ".join([*cells, there, faster]) + " |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=0.5, help="on every racer's clock")
    parser.add_argument(
        "--problem", choices=sorted(STARTS), action="append", help="one of them; both if not given"
    )
    parser.add_argument("--cases", type=int, default=2_000)
    parser.add_argument("--without-adam", action="store_true", help="the Hessian-free racers alone")
    parser.add_argument("--write", type=Path, help="a Markdown file to write the tables into")
    options = parser.parse_args()
    command = ["benchmarks/training.py", f"--minutes {options.minutes:g} --cases {options.cases}"]
    command += [f"--problem {name}" for name in options.problem or ()]
    circumstances = Circumstances.of_now("cpu", command + ["--without-adam"] * options.without_adam)
    lines = [_HEAD, circumstances.line(), ""]
    seconds = 60 * options.minutes
    for name in options.problem or sorted(STARTS):
        start = STARTS[name](options.cases)
        ours, others = recommended(start), [predecessor(start), plain(start)]
        rates = [] if options.without_adam else [adam(start, rate) for rate in RATES]
        take_turns([ours, *others, *rates], seconds / 5)
        leading = sorted(rates, key=lambda racer: racer.lowest.loss)[:2]
        take_turns([ours, *leading], 2 * seconds / 5)
        take_turns(leading, seconds)
        lines += [*report(start, [ours, *others, *rates]), ""]
    print("\n".join(lines))
    if options.write is not None:
        options.write.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
