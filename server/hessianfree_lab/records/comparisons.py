"""What the API says of several runs together."""

from pydantic import Field

from hessianfree_lab.records.scalars import Number, Wire


class RunGroup(Wire):
    """Runs that have something in common."""

    name: str
    colour: int = Field(description="As a run's: eight colours, then the same with other dashes.")
    runs: list[str]


class Groups(Wire):
    """The groups, and the keys by which these runs can be grouped."""

    keys: list[str]
    items: list[RunGroup]


class RunTotals(Wire):
    """Sums over all steps of a run; None: never measured."""

    run: str
    step: int = Field(0, description="The last of them: later ones may be added.")
    gradient_equivalents: Number | None = None
    curvature_products: Number | None = None
    examples: Number | None = None
    elapsed: Number | None = Field(None, description="Seconds from the first step's end to the last's.")


class Totals(Wire):
    """What runs have cost so far."""

    items: list[RunTotals]


class Target(Wire):
    """A run's target, and what it had cost when it was first reached; `costs` None: it never was."""

    run: str
    target: Number | None = Field(None, description="None: there is nothing to derive one from.")
    costs: dict[str, Number] | None = None


class Targets(Wire):
    """`target`: the one of all runs; None: each problem has its own."""

    metric: str
    suggested: bool
    target: Number | None = None
    items: list[Target]
