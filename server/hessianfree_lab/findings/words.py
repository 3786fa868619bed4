"""Numbers as findings say them."""

import math

from hessianfree_lab.findings.finding import Evidence


def number(value: float) -> str:
    """Four significant digits; what is not finite as on the pages."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:.4g}"


def share(part: float) -> str:
    """A part of one in per cent: "3.2 %", "68 %"."""
    percent = 100 * part
    return f"{percent:.1f} %" if abs(percent) < 9.95 else f"{percent:.0f} %"


def span(first: int, last: int) -> str:
    """ "step 7" or "steps 7 to 12"."""
    return f"step {first}" if first == last else f"steps {first} to {last}"


def megabytes(size: float) -> str:
    """Bytes as MiB or GiB."""
    return f"{size / 2**30:.2f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"


def seconds(duration: float) -> str:
    """A duration: "0.31 s", "42 s", "3.5 min", "2.1 h"."""
    if duration < 9.5:
        return f"{duration:.2g} s"
    if duration < 120:
        return f"{duration:.0f} s"
    return f"{duration / 60:.3g} min" if duration < 7200 else f"{duration / 3600:.3g} h"


def shown_by(first: float, last: float, *figures: str) -> tuple[Evidence, ...]:
    """Evidence of the same steps in each of these figures."""
    return tuple(Evidence(figure=name, first_step=int(first), last_step=int(last)) for name in figures)
