"""Other settings for a job that runs: checked against what its optimizer lets be changed."""

from collections.abc import Sequence
from typing import Any

from pydantic_core import to_json

from hessianfree_lab.api.params import check_params
from hessianfree_lab.errors import Fault, InvalidRequest
from hessianfree_lab.names import nearest
from hessianfree_lab.records import Control, OptimizerInfo, Run, SetRequest

_ROOT = "optimizer_params"
_MAX_BYTES = 2_000  # of the settings as JSON: a worker passes them on in one piece, through a pipe


def check_change(
    run: Run, controls: Sequence[Control], request: SetRequest, optimizers: Sequence[OptimizerInfo]
) -> dict[str, Any]:
    """The settings to be made, as plain JSON. `InvalidRequest` lists everything that is wrong with them."""
    settings = request.settings
    if not settings:
        raise InvalidRequest([Fault("", "There is nothing to change: give a setting or a budget.")])
    size = len(to_json(settings))
    if size > _MAX_BYTES:
        raise InvalidRequest(
            [Fault("", f"The settings take {size} bytes as JSON; at most {_MAX_BYTES} are allowed.")]
        )
    params = {name: value for name, value in settings.items() if name != "budget"}
    name = str(run.spec["optimizer"])
    info = next((info for info in optimizers if info.name == name), None)
    settable = list(info.settable) if info is not None else []
    faults = [
        Fault(key, f"{key} of {name!r} cannot be changed while it runs.{_hint(key, settable)}")
        for key in params
        if key not in settable
    ]
    if info is not None and not faults:
        wanted = _in_force(run, controls) | params
        found = check_params(wanted, info.params_schema, _ROOT)
        # The body is flat; and what was wrong before is not this request's fault.
        bare = [_without_root(fault) for fault in found]
        faults = [fault for fault in bare if fault.path.partition(".")[0] in params]
    if faults:
        raise InvalidRequest(faults)
    return settings


def _in_force(run: Run, controls: Sequence[Control]) -> dict[str, Any]:
    """The optimizer's parameters once everything asked before is done."""
    params = dict(run.spec.get(_ROOT) or {})
    for control in controls:
        if control.error is None:
            params |= {key: value for key, value in control.settings.items() if key != "budget"}
    return params


def _without_root(fault: Fault) -> Fault:
    prefix = f"{_ROOT}."
    return Fault(fault.path.removeprefix(prefix), fault.message.removeprefix(prefix))


def _hint(key: str, settable: Sequence[str]) -> str:
    return nearest(key, settable) or f" What can be: {', '.join([*settable, 'budget'])}."
