"""A job as its user writes it."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from hessianfree_lab.records.scalars import Wire

LOWEST_PRIORITY, HIGHEST_PRIORITY = -1000, 1000

Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]


class Budget(Wire):
    """When training ends: at the first of these to be reached."""

    steps: int | None = Field(100, ge=1, le=10_000_000, description="Optimizer steps.")
    seconds: float | None = Field(None, gt=0, allow_inf_nan=False, description="Training time in seconds.")
    target_loss: float | None = Field(
        None, allow_inf_nan=False, description="Stop once the loss is at or below."
    )


class Resources(Wire):
    """What the job needs of its worker."""

    gpus: int = Field(
        0, ge=0, le=64, description="GPUs; from 2 on whole ones, that nothing else of this worker trains on."
    )
    processes: int = Field(
        1,
        ge=1,
        le=64,
        description=(
            "Processes that share the cases of every step; Hessian-free optimizers alone. With `gpus`, one each."
        ),
    )


class Recording(Wire):
    """What is recorded beside every step's metrics and inner solve."""

    spectrum: int | None = Field(
        None,
        ge=1,
        le=10_000_000,
        description=(
            "A spectrum of the loss at the first step and every so many from there; empty: none. Off the training "
            "clock."
        ),
    )
    spectrum_of: Literal["hessian", "ggn"] = Field(
        "hessian", description="Of which matrix: the Hessian, or the generalized Gauss-Newton matrix."
    )
    slices: int | None = Field(
        None,
        ge=1,
        le=10_000_000,
        description=(
            "The loss along the step beside its model, at the first step and every so many from there; empty: none. "
            "Counts as work of the step."
        ),
    )


class JobSpec(Wire):
    """A job: problem, optimizer, budget. The same in REST, YAML files, the form and the base of a sweep."""

    name: str | None = Field(None, max_length=200, description="Shown in tables and legends.")
    problem: str = Field(min_length=1, max_length=100, description="A problem that some worker announced.")
    problem_params: dict[str, Any] = Field(default_factory=dict)
    optimizer: str = Field("hessianfree", min_length=1, max_length=100)
    optimizer_params: dict[str, Any] = Field(default_factory=dict)
    budget: Budget = Budget()
    seed: int = Field(0, ge=0, lt=2**31, description="Seeds initial parameters and data order.")
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|cuda|cuda:\d{1,3})$",
        description="auto: a GPU where the worker has one; cuda: any GPU; cuda:1: that one of its worker.",
    )
    dtype: str = Field("float32", pattern=r"^(float32|float64)$")
    resources: Resources = Resources()
    priority: int = Field(0, ge=LOWEST_PRIORITY, le=HIGHEST_PRIORITY, description="Higher is claimed first.")
    max_attempts: int = Field(3, ge=1, le=100)
    checkpoint_every: int = Field(
        10,
        ge=1,
        description="Steps between checkpoints; more where they would take over a tenth of the time.",
    )
    record: Recording = Recording()
    tags: list[Tag] = Field(default_factory=list, max_length=32)
    notes: str = Field("", max_length=20_000)

    @property
    def gpus(self) -> int:
        """GPUs that its worker must have; on those that have some, "auto" takes one without asking."""
        each = self.resources.processes if self.device.startswith("cuda") else 1
        return max(self.resources.gpus, each if each > 1 else 0)
