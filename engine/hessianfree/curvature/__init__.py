"""Curvature matrices as linear maps, each made once a step and multiplied many times."""

from hessianfree.curvature.accumulated import AccumulatedCurvature
from hessianfree.curvature.damped import Damped
from hessianfree.curvature.gauss_newton import GaussNewton
from hessianfree.curvature.hessian import Hessian

__all__ = ["AccumulatedCurvature", "Damped", "GaussNewton", "Hessian"]
