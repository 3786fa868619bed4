"""What axes are called, and which of them read best on a logarithmic scale."""

X_TITLES = {
    "step": "Step",
    "seconds": "Training time (s)",
    "wall_time": "Time",
    "gradient_equivalents": "Work (gradient equivalents)",
}

METRIC_TITLES = {
    "loss": "Loss",
    "loss_after": "Loss after the step",
    "eval_loss": "Held-out loss",
    "eval_error": "Held-out error",
    "gradient_norm": "Gradient norm",
    "step_norm": "Step norm",
    "damping": "Damping",
    "reduction_ratio": "Reduction ratio",
    "cg_iterations": "CG iterations",
    "cg_chosen_iteration": "Iterate taken",
    "step_scale": "Step scale",
    "accepted": "Accepted",
    "curvature_products": "Curvature products",
    "loss_evaluations": "Loss evaluations",
    "gradient_equivalents": "Gradient equivalents",
    "spectrum_largest": "Largest eigenvalue",
    "spectrum_smallest": "Smallest eigenvalue",
    "spectrum_trace": "Trace of the curvature",
    "seconds_gradient": "Seconds for the gradient",
    "seconds_cg": "Seconds in CG",
    "seconds_search": "Seconds in the search",
    "peak_memory_bytes": "Peak memory (bytes)",
}

LOGARITHMIC = frozenset({"loss", "loss_after", "eval_loss", "gradient_norm", "step_norm", "damping"})


def x_title(x: str) -> str:
    """Title of the x axis; a metric without a title of its own is named as it is."""
    return X_TITLES.get(x) or f"{metric_title(x)}, running total"


def metric_title(metric: str) -> str:
    """Title of a metric's axis; unknown metrics keep their name."""
    return METRIC_TITLES.get(metric, metric)


def scale_of(metric: str) -> str:
    """Plotly's axis type under which `metric` is shown first."""
    return "log" if metric in LOGARITHMIC else "linear"
