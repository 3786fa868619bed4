"""Lines as seen from one of them."""

from typing import Literal

import numpy as np

from hessianfree_lab.figures.comparing.lines import Floats, Line

Relation = Literal["difference", "ratio"]


def against(x: Floats, y: Floats, baseline: Line, relation: Relation) -> Floats:
    """y minus, or over, the baseline at the same x.

    NaN where the baseline is not there, or is 0 and would be divided by, and where the outcome is beyond all floats.
    """
    base = baseline.at(x)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        found = y - base if relation == "difference" else y / base
    return np.where(np.isfinite(found), found, np.nan)
