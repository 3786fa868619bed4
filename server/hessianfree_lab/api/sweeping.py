"""From what somebody sent to the sweep that is driven: every value that it may try is checked as a job would be."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from hessianfree_lab.api.faults import faults_of, shown
from hessianfree_lab.api.spaces import SPACE, space_faults
from hessianfree_lab.api.submission import check_job
from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.names import nearest
from hessianfree_lab.records import JobSpec, OptimizerInfo, ProblemInfo
from hessianfree_lab.records.spaces import (
    OPTIMIZER,
    Choice,
    Dimension,
    Params,
    Space,
    applies,
    branches,
    deciding,
    key_of,
    path_of,
)
from hessianfree_lab.records.sweeps import MAX_RUNS, SweepSpec
from hessianfree_lab.sweeps.configurations import count_of, grid_size, job_of


@dataclass(frozen=True, kw_only=True)
class Known:
    """What workers have announced."""

    problems: Sequence[ProblemInfo]
    optimizers: Sequence[OptimizerInfo]

    def check(self, job: Mapping[str, Any]) -> JobSpec:
        return check_job(dict(job), self.problems, self.optimizers)

    def schema_of(self, problem: str, optimizer: str, root: str) -> Mapping[str, Any]:
        """The JSON Schema of that part of a job."""
        if root == "problem_params":
            return next(info.params_schema for info in self.problems if info.name == problem)
        if root == "optimizer_params":
            return next(info.params_schema for info in self.optimizers if info.name == optimizer)
        whole = JobSpec.model_json_schema()
        return (
            {"$ref": f"#/$defs/{root.capitalize()}", **whole}
            if root == "budget"
            else whole["properties"][root]
        )


def check_sweep(
    data: Any, problems: Sequence[ProblemInfo], optimizers: Sequence[OptimizerInfo]
) -> tuple[SweepSpec, int]:
    """The sweep as it will be driven, and how many trials it has. `InvalidRequest` lists everything wrong with it."""
    if not isinstance(data, dict):
        message = f"A sweep is a mapping (base: ..., search: ...), not {shown(data)}."
        raise InvalidRequest([Fault("", message)])
    try:
        spec = SweepSpec.model_validate(data)
    except ValidationError as error:
        raise InvalidRequest(faults_of(error.errors(include_url=False), SweepSpec)) from None
    known = Known(problems=problems, optimizers=optimizers)
    _raise([*space_faults(spec.search.space), *_seed_faults(spec), *_optimizer_faults(spec)])
    _raise(_value_faults(spec, known))
    space, faults = _in_kind(spec, known)
    _raise(faults or [*_size_faults(spec, space), *_pruning_faults(spec)])
    search = spec.search.model_copy(update={"space": space})
    checked = _filled(spec, known).model_copy(update={"search": search})
    return checked, _total(checked)


def _raise(faults: Sequence[Fault]) -> None:
    if faults:
        raise InvalidRequest(list(faults))


def _total(spec: SweepSpec) -> int:
    trials = spec.search.trials
    if spec.search.method != "grid":
        assert trials is not None
        return trials
    size = grid_size(spec.search.space) or 0
    return size if trials is None else min(trials, size)


def _optimizer_faults(spec: SweepSpec) -> Iterator[Fault]:
    if OPTIMIZER not in spec.search.space:
        if spec.optimizers:
            message = f"optimizers stand beside a search of {OPTIMIZER}: here base.optimizer_params has the settings."
            yield Fault("optimizers", message)
        return
    if spec.base.optimizer_params:
        message = (
            "Settings belong to one optimizer, and several are tried: they stand in optimizers, by name."
        )
        yield Fault("base.optimizer_params", message)
    for name in spec.optimizers:
        if name not in (tried := spec.tried_optimizers):
            yield Fault(f"optimizers.{name}", f"{name} is not tried.{nearest(name, tried)}")


def _pruning_faults(spec: SweepSpec) -> Iterator[Fault]:
    """A first rung behind the end of every run is an oversight."""
    pruning, budget = spec.search.pruning, spec.base.budget
    if pruning is None:
        return
    end = budget.steps if pruning.of == "steps" else budget.seconds
    is_searched = any(
        path_of(spec.search.space, name) == f"budget.{pruning.of}" for name in spec.search.space
    )
    if end is not None and not is_searched and pruning.after >= end:
        message = (
            f"search.pruning.after is {pruning.after:g}; it must be below the budget of {end:g} {pruning.of}."
        )
        yield Fault("search.pruning.after", message)


def _seed_faults(spec: SweepSpec) -> Iterator[Fault]:
    if len(set(spec.all_seeds)) < len(spec.all_seeds):
        yield Fault("seeds", "seeds has one of them twice.")


def _size_faults(spec: SweepSpec, space: Mapping[str, Dimension]) -> Iterator[Fault]:
    search = spec.search
    if search.method == "grid":
        for path, dimension in space.items():
            if count_of(dimension) is None:
                yield Fault(
                    f"{SPACE}.{path}", f"{path} has no end of values: a grid needs a step, or choices."
                )
        if any(count_of(dimension) is None for dimension in space.values()):
            return
    elif search.trials is None:
        yield Fault("search.trials", f"search.trials is missing: {search.method} does not end by itself.")
        return
    sized = spec.model_copy(update={"search": search.model_copy(update={"space": dict(space)})})
    runs = _total(sized) * len(spec.all_seeds)
    if runs > MAX_RUNS:
        more = " or more" if search.method == "grid" and deciding(space) else ""  # not counted to the end
        counts = f"{_total(sized):,} trials, {len(spec.all_seeds)} seeds"
        message = f"This sweep would have {runs:,} runs{more} ({counts}); "
        yield Fault("search", f"{message}at most {MAX_RUNS:,} are allowed.")


def _value_faults(spec: SweepSpec, known: Known) -> list[Fault]:
    """What is wrong with the base, or with a value of a parameter, with every optimizer that may have it."""
    faults: dict[Fault, None] = {}
    for where, params in _tried(spec.search.space):
        try:
            known.check(job_of(spec, params))
        except InvalidRequest as error:
            named = {path_of(spec.search.space, name): name for name in params}
            faults |= dict.fromkeys(_placed(fault, named, where, params) for fault in error.faults)
    return list(faults)


def _tried(space: Space) -> Iterator[tuple[dict[str, str], Params]]:
    """Trials that between them have every value that bounds others, and the key in its parameter of each value.

    Where the optimizer is searched, with each that has the parameter: they have schemas of their own.
    """
    known, decided = list(branches(space)), deciding(space)
    for name, dimension in space.items():
        for key, value in _ends(dimension):
            of_optimizer: dict[Choice, Params] = {}
            for branch in known:
                is_open = name not in decided and applies(dimension, branch)
                if is_open or (name in branch and _is_same(branch[name], value)):
                    of_optimizer.setdefault(branch.get(OPTIMIZER), branch)
            for branch in of_optimizer.values():
                keys, params = _first(space, branch)
                yield keys | {name: key}, params | {name: value}


def _first(space: Space, branch: Params) -> tuple[dict[str, str], Params]:
    """Every parameter that applies in the branch, at its first value."""
    keys, params = {}, {}
    for name, dimension in space.items():
        if not applies(dimension, branch):
            continue
        for key, value in _ends(dimension):
            if name not in branch or _is_same(branch[name], value):
                keys[name], params[name] = key, value
                break
    return keys, params


def _is_same(one: Choice, other: Choice) -> bool:
    return key_of(one) == key_of(other)


def _ends(dimension: Dimension) -> Iterator[tuple[str, Choice]]:
    """The values that bound all others, and the key of each."""
    if dimension.choices is not None:
        yield from ((f"choices.{place}", choice) for place, choice in enumerate(dimension.choices))
    else:
        yield "low", dimension.low
        yield "high", dimension.high


def _placed(fault: Fault, named: Mapping[str, str], keys: Mapping[str, str], params: Params) -> Fault:
    """The fault of a job at the place in the sweep where its value stands."""
    for path, name in named.items():
        if fault.path == path or fault.path.startswith(f"{path}."):
            return Fault(f"{SPACE}.{name}.{keys[name]}", fault.message)
    if OPTIMIZER in params and fault.path.startswith("optimizer_params."):
        name = str(params[OPTIMIZER])
        return Fault(fault.path.replace("optimizer_params", f"optimizers.{name}", 1), fault.message)
    return Fault(f"base.{fault.path}" if fault.path else "base", fault.message)


def _filled(spec: SweepSpec, known: Known) -> SweepSpec:
    """The sweep with the defaults of its base, and without what is searched: that is no setting all trials have."""
    space = spec.search.space
    known_branches = list(branches(space))
    of_optimizers = {}
    for optimizer in spec.tried_optimizers:
        of_it = [branch for branch in known_branches if branch.get(OPTIMIZER, optimizer) == optimizer]
        always = [name for name in space if all(applies(space[name], branch) for branch in of_it)]
        _, first = _first(space, of_it[0])
        base = known.check(job_of(spec, {name: first[name] for name in always}))
        job = _without(base.model_dump(mode="json"), [path_of(space, name) for name in always])
        of_optimizers[optimizer] = job["optimizer_params"]
    if OPTIMIZER not in space:
        return spec.model_copy(update={"base": JobSpec.model_validate(job)})
    job |= {"name": spec.base.name, "optimizer": spec.tried_optimizers[0], "optimizer_params": {}}
    return spec.model_copy(update={"base": JobSpec.model_validate(job), "optimizers": of_optimizers})


def _in_kind(spec: SweepSpec, known: Known) -> tuple[dict[str, Dimension], list[Fault]]:
    """The space with whole numbers for parameters that are whole numbers, and others for the rest."""
    space: dict[str, Dimension] = {}
    faults = []
    combined = list(branches(spec.search.space))
    for name, dimension in spec.search.space.items():
        space[name] = dimension
        if dimension.choices is not None:
            continue
        path = path_of(spec.search.space, name)
        root, *names = path.split(".")
        optimizers = {
            str(branch.get(OPTIMIZER, spec.base.optimizer))
            for branch in combined
            if applies(dimension, branch)
        }
        kinds = set.intersection(
            *(_kinds_at(known.schema_of(spec.base.problem, each, root), names) for each in optimizers)
        )
        kind = float if "number" in kinds else int if "integer" in kinds else None
        if kind is None:
            continue
        bounds = {
            key: value for key in ("low", "high", "step") if (value := getattr(dimension, key)) is not None
        }
        if odd := [key for key, value in bounds.items() if kind(value) != value]:
            where = f"{SPACE}.{name}.{odd[0]}"
            faults.append(Fault(where, f"{odd[0]} is {bounds[odd[0]]}; {path} is a whole number."))
            continue
        space[name] = dimension.model_copy(update={key: kind(value) for key, value in bounds.items()})
    return space, faults


def _kinds_at(root: Mapping[str, Any], names: Iterable[str]) -> set[str]:
    """The JSON types that the schema of a nested value allows; none where it does not say."""
    node = _resolved(root, root)
    for name in names:
        node = _resolved(node.get("properties", {}).get(name, {}), root)
    found: set[str] = set()
    for branch in (node, *node.get("anyOf", ()), *node.get("oneOf", ())):
        kind = _resolved(branch, root).get("type", ())
        found |= {kind} if isinstance(kind, str) else set(kind)
    return found


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref", "")
    found: Mapping[str, Any] = root.get("$defs", {}).get(reference.removeprefix("#/$defs/"), schema)
    return found


def _without(job: dict[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    """The job without what is searched: it would look like a setting that all trials have."""
    for path in paths:
        *places, name = path.split(".")
        inner: Any = job
        for place in places:
            inner = inner[place]
        inner.pop(name, None)
    return job
