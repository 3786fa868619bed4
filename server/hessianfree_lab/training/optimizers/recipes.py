"""Hessian-free optimization as the papers had it: the options of others, with defaults of their own."""

from copy import copy
from typing import Any, TypeVar

from pydantic import create_model

from hessianfree_lab.training.optimizers.hessian_free import HESSIAN_FREE, HessianFreeDriver
from hessianfree_lab.training.optimizers.interface import Optimizer
from hessianfree_lab.training.optimizers.methods import HessianFreeParams
from hessianfree_lab.training.optimizers.recommended import (
    RECOMMENDED,
    RecommendedDriver,
    RecommendedParams,
)
from hessianfree_lab.training.params import Params

P = TypeVar("P", bound=Params)


def with_defaults(params: type[P], name: str, **defaults: Any) -> type[P]:
    """The same options with other defaults, as a class of that name."""
    fields: dict[str, Any] = {}
    for option, default in defaults.items():
        field = copy(params.model_fields[option])
        field.default = default
        fields[option] = (field.annotation, field)
    return create_model(name, __base__=params, __doc__=params.__doc__, __module__=__name__, **fields)


MARTENS_2010 = Optimizer(
    name="hessianfree-martens2010",
    title="Hessian-free [Martens 2010]",
    description=(
        "Gradient and line search on all cases of the batch (leave the batch size empty for the full set), curvature "
        "and preconditioner, the empirical Fisher matrix's diagonal, on a quarter of them, another one each step; CG "
        "ends by the paper's rule."
    ),
    params=with_defaults(
        HessianFreeParams,
        "Martens2010Params",
        curvature_share=0.25,
        cg_stop="martens",
        preconditioner="empirical_fisher",
    ),
    build=HessianFreeDriver,
    settable=HESSIAN_FREE.settable,
    divides=True,
)
SUTSKEVER_2013 = Optimizer(
    name="hessianfree-sutskever2013",
    title="Hessian-free, like momentum [Sutskever et al. 2013]",
    description=(
        "A few iterations of CG from a share of the last step that grows as a momentum does; no backtracking, no "
        "search. For mini-batches, which are judged on four times as many cases."
    ),
    params=with_defaults(
        HessianFreeParams,
        "Sutskever2013Params",
        cg_max_iter=10,
        cg_start="momentum",
        cg_decay_x0=0.99,
        use_cg_backtracking=False,
        use_linesearch=False,
        judge_share=4.0,
    ),
    build=HessianFreeDriver,
    settable=HESSIAN_FREE.settable,
    divides=True,
)
GROWING = Optimizer(
    name="hessianfree-growing",
    title="Hessian-free, growing batches",
    description=(
        "The recommended settings on mini-batches that grow by 4 % a step from the problem's batch size to all cases "
        "[Byrd et al. 2012], judged on twice as many."
    ),
    params=with_defaults(RecommendedParams, "GrowingParams", batch_growth=1.04, judge_share=2.0),
    build=RecommendedDriver,
    settable=RECOMMENDED.settable,
    divides=True,
)
