"""From what somebody sent to the job that is queued: checked in full, defaults filled in."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import ValidationError

from hessianfree_lab.api.faults import faults_of, shown
from hessianfree_lab.api.params import check_params, with_defaults
from hessianfree_lab.api.wire_json import load_json, speakable
from hessianfree_lab.documents import positions, read_yaml
from hessianfree_lab.errors import Fault, InvalidRequest, MalformedDocument
from hessianfree_lab.names import nearest
from hessianfree_lab.records import JobSpec, OptimizerInfo, ProblemInfo

Info = TypeVar("Info", ProblemInfo, OptimizerInfo)

JOB_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": JobSpec.model_json_schema()},
            "application/yaml": {"schema": {"type": "string"}},
        },
    }
}
"""A job in a request, as the description of the API has it."""

_YAML = ("application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml")


def read_document(body: bytes, content_type: str) -> Any:
    """The value in a request's body: YAML where its type says so, JSON otherwise."""
    if not is_yaml(content_type):
        return load_json(body)
    try:
        return speakable(read_yaml(body.decode()), "YAML")
    except UnicodeDecodeError:
        raise MalformedDocument("YAML", "it is not text in UTF-8") from None


def is_yaml(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() in _YAML


@contextmanager
def located(body: bytes, content_type: str) -> Iterator[None]:
    """`InvalidRequest` raised within says where in a YAML body each fault is: at its key, or what holds it."""
    try:
        yield
    except InvalidRequest as error:
        if not is_yaml(content_type):
            raise
        where = positions(body.decode())
        raise InvalidRequest([replace(f, position=_nearest(where, f.path)) for f in error.faults]) from None


def _nearest(where: Mapping[str, int], path: str) -> int | None:
    while path and path not in where:
        path = path.rpartition(".")[0]
    return where.get(path)


def check_job(data: Any, problems: Sequence[ProblemInfo], optimizers: Sequence[OptimizerInfo]) -> JobSpec:
    """The job as it will be run. `InvalidRequest` lists everything that is wrong with it."""
    if not isinstance(data, dict):
        message = f"A job is a mapping (problem: ..., optimizer: ...), not {shown(data)}."
        raise InvalidRequest([Fault("", message)])
    try:
        spec = JobSpec.model_validate(data)
    except ValidationError as error:
        raise InvalidRequest(faults_of(error.errors(include_url=False), JobSpec)) from None
    if not problems and not optimizers:
        message = (
            "No worker has announced any problem or optimizer yet. Start one with 'hessianfree work', or server and "
            "worker together with 'hessianfree up'."
        )
        raise InvalidRequest([Fault("problem", message)])
    problem, problem_faults = _find("problem", spec.problem, problems)
    optimizer, optimizer_faults = _find("optimizer", spec.optimizer, optimizers)
    faults = problem_faults + optimizer_faults
    if problem is not None:
        if problem.missing:
            faults.append(Fault("problem", f"No worker can train {problem.name!r} yet: {problem.missing}"))
        param_faults = check_params(spec.problem_params, problem.params_schema, "problem_params")
        faults += param_faults or _data_faults(spec, problem)
    if optimizer is not None:
        faults += check_params(spec.optimizer_params, optimizer.params_schema, "optimizer_params")
    faults += _device_faults(spec)
    if problem is not None and optimizer is not None:
        faults += _process_faults(spec, problem, optimizer)
    if problem is None or optimizer is None or faults:
        raise InvalidRequest(faults)
    return spec.model_copy(
        update={
            "name": spec.name or f"{spec.optimizer} on {spec.problem}",
            "problem_params": with_defaults(spec.problem_params, problem.params_schema),
            "optimizer_params": with_defaults(spec.optimizer_params, optimizer.params_schema),
        }
    )


def differences(
    spec: JobSpec, problems: Sequence[ProblemInfo], optimizers: Sequence[OptimizerInfo]
) -> dict[str, Any]:
    """Of a checked job its problem, its optimizer, and what differs from the defaults."""
    usual = JobSpec(problem=spec.problem, optimizer=spec.optimizer).model_dump(mode="json")
    usual["name"] = f"{spec.optimizer} on {spec.problem}"
    for key, name, infos in (
        ("problem_params", spec.problem, problems),
        ("optimizer_params", spec.optimizer, optimizers),
    ):
        usual[key] = next(with_defaults({}, info.params_schema) for info in infos if info.name == name)
    told: dict[str, Any] = {}
    for key, value in spec.model_dump(mode="json").items():
        if isinstance(value, dict):
            if rest := {k: v for k, v in value.items() if k not in usual[key] or v != usual[key][k]}:
                told[key] = rest
        elif key in ("problem", "optimizer") or value != usual[key]:
            told[key] = value
    return told


def _find(noun: str, name: str, infos: Sequence[Info]) -> tuple[Info | None, list[Fault]]:
    for info in infos:
        if info.name == name:
            return info, []
    names = [info.name for info in infos]
    message = (
        f"No worker knows the {noun} {name!r}.{nearest(name, names)} Known: {', '.join(names) or 'none'}."
    )
    return None, [Fault(noun, message)]


def _process_faults(spec: JobSpec, problem: ProblemInfo, optimizer: OptimizerInfo) -> list[Fault]:
    if spec.resources.processes == 1 or (problem.divisible and optimizer.divides):
        return []
    why = (
        f"a step of {optimizer.name!r} is taken by one process"
        if not optimizer.divides
        else f"{problem.name!r} has no cases to share"
    )
    path = "resources.processes"
    return [Fault(path, f"{path} is {spec.resources.processes}; it must be 1: {why}.")]


def _data_faults(spec: JobSpec, problem: ProblemInfo) -> Iterator[Fault]:
    """Options that choose data which no worker has had so far; where it has none at all, that is told already."""
    params = with_defaults(spec.problem_params, problem.params_schema)
    for option, supply in problem.supplies.items():
        choice = params.get(option)
        if supply.there and isinstance(choice, str) and choice not in supply.there:
            path = f"problem_params.{option}"
            lack = f" {told}" if (told := supply.missing.get(choice)) else ""
            there = ", ".join(supply.there)
            yield Fault(path, f"{path} is {shown(choice)}; no worker has it yet, but {there}.{lack}")


def _device_faults(spec: JobSpec) -> Iterator[Fault]:
    gpus, processes = spec.resources.gpus, spec.resources.processes
    path = "resources.gpus"
    if spec.device == "cpu" and gpus:
        yield Fault(path, f"{path} is {gpus}; it must be 0 when device is 'cpu'.")
    elif spec.device.startswith("cuda:") and max(gpus, processes) > 1:
        several = "resources.processes" if processes > 1 else path
        message = (
            f"device is {spec.device!r}, one GPU; with {several} = {max(gpus, processes)} it must be 'cuda'."
        )
        yield Fault("device", message)
    elif 0 < gpus < processes:
        message = (
            f"{path} is {gpus}; with resources.processes = {processes} it must be {processes}, a GPU each."
        )
        yield Fault(path, message)
