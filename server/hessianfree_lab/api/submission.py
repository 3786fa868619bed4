"""From what somebody sent to the job that is queued: checked in full, defaults filled in."""

from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import ValidationError

from hessianfree_lab.api.faults import faults_of, nearest, shown
from hessianfree_lab.api.params import check_params, with_defaults
from hessianfree_lab.api.wire_json import load_json, speakable
from hessianfree_lab.documents import read_yaml
from hessianfree_lab.errors import Fault, InvalidRequest, MalformedDocument
from hessianfree_lab.records import JobSpec, OptimizerInfo, ProblemInfo

Info = TypeVar("Info", ProblemInfo, OptimizerInfo)

_YAML = ("application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml")


def read_document(body: bytes, content_type: str) -> Any:
    """The value in a request's body: YAML where its type says so, JSON otherwise."""
    if content_type.partition(";")[0].strip().lower() not in _YAML:
        return load_json(body)
    try:
        return speakable(read_yaml(body.decode()), "YAML")
    except UnicodeDecodeError:
        raise MalformedDocument("YAML", "it is not text in UTF-8") from None


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
        faults += check_params(spec.problem_params, problem.params_schema, "problem_params")
    if optimizer is not None:
        faults += check_params(spec.optimizer_params, optimizer.params_schema, "optimizer_params")
    faults += _device_faults(spec)
    if problem is None or optimizer is None or faults:
        raise InvalidRequest(faults)
    return spec.model_copy(
        update={
            "name": spec.name or f"{spec.optimizer} on {spec.problem}",
            "problem_params": with_defaults(spec.problem_params, problem.params_schema),
            "optimizer_params": with_defaults(spec.optimizer_params, optimizer.params_schema),
        }
    )


def _find(noun: str, name: str, infos: Sequence[Info]) -> tuple[Info | None, list[Fault]]:
    for info in infos:
        if info.name == name:
            return info, []
    names = [info.name for info in infos]
    message = (
        f"No worker knows the {noun} {name!r}.{nearest(name, names)} Known: {', '.join(names) or 'none'}."
    )
    return None, [Fault(noun, message)]


def _device_faults(spec: JobSpec) -> list[Fault]:
    if spec.device == "cpu" and spec.resources.gpus:
        message = f"resources.gpus is {spec.resources.gpus}; it must be 0 when device is 'cpu'."
        return [Fault("resources.gpus", message)]
    return []
