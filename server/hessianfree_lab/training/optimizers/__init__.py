"""The optimizers, by name."""

from hessianfree_lab.training.optimizers.adam import ADAM, ADAMW
from hessianfree_lab.training.optimizers.hessian_free import HESSIAN_FREE
from hessianfree_lab.training.optimizers.interface import Driver, Optimizer, SlicingDriver, Taken
from hessianfree_lab.training.optimizers.kfac import K_FAC
from hessianfree_lab.training.optimizers.lbfgs import L_BFGS
from hessianfree_lab.training.optimizers.muon import MUON
from hessianfree_lab.training.optimizers.recipes import GROWING, MARTENS_2010, SUTSKEVER_2013
from hessianfree_lab.training.optimizers.recommended import RECOMMENDED
from hessianfree_lab.training.optimizers.sgd import SGD
from hessianfree_lab.training.optimizers.soap import SOAP
from hessianfree_lab.training.registry import by_name

OPTIMIZERS = by_name(
    [
        HESSIAN_FREE,
        RECOMMENDED,
        MARTENS_2010,
        SUTSKEVER_2013,
        GROWING,
        SGD,
        ADAM,
        ADAMW,
        MUON,
        SOAP,
        K_FAC,
        L_BFGS,
    ]
)

__all__ = ["OPTIMIZERS", "Driver", "Optimizer", "SlicingDriver", "Taken"]
