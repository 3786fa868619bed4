"""Figures: pure functions from what a run recorded to Plotly figures. Pages, notebooks and reports all draw these."""

from hessianfree_lab.figures.material import Curve, Kind, Material
from hessianfree_lab.figures.registry import FIGURES, UnknownFigure, figure_kind
from hessianfree_lab.figures.style import as_json

__all__ = ["FIGURES", "Curve", "Kind", "Material", "UnknownFigure", "as_json", "figure_kind"]
