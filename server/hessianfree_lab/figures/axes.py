"""What axes are called, and which of them read best on a logarithmic scale."""

X_TITLES = {
    "step": "Step",
    "seconds": "Training time (s)",
    "wall_time": "Time (UTC)",
    "elapsed": "Time since its first step (s)",
    "gradient_equivalents": "Work (gradient equivalents)",
    "curvature_products": "Curvature products",
    "examples": "Examples",
}

COST_TITLES = {
    "step": "Steps",
    "seconds": "Training time",
    "elapsed": "Time since the first step",
    "gradient_equivalents": "Gradient equivalents",
}

METRIC_TITLES = {
    "loss": "Loss",
    "loss_after": "Loss after the step",
    "eval_loss": "Held-out loss",
    "eval_error": "Held-out error",
    "train_error": "Training error",
    "suboptimality": "Loss above the lowest",
    "gradient_norm": "Gradient norm",
    "parameter_norm": "Parameter norm",
    "step_norm": "Step norm",
    "step_angle": "Angle to steepest descent (degrees)",
    "damping": "Damping",
    "reduction_ratio": "Reduction ratio",
    "predicted_reduction": "Predicted reduction",
    "actual_reduction": "Actual reduction",
    "cg_iterations": "CG iterations",
    "cg_chosen_iteration": "Iterate taken",
    "step_scale": "Step scale",
    "accepted": "Accepted",
    "ritz_largest": "Largest Ritz value",
    "ritz_smallest": "Smallest Ritz value",
    "ritz_condition": "Condition estimate",
    "curvature_products": "Curvature products",
    "loss_evaluations": "Loss evaluations",
    "gradient_equivalents": "Gradient equivalents",
    "examples": "Examples",
    "spectrum_largest": "Largest eigenvalue",
    "spectrum_smallest": "Smallest eigenvalue",
    "spectrum_trace": "Trace of the curvature",
    "seconds_gradient": "Seconds for the gradient",
    "seconds_cg": "Seconds in CG",
    "seconds_search": "Seconds in the search",
    "seconds_preconditioner": "Seconds for the preconditioner",
    "seconds_rest": "Seconds for the rest",
    "peak_memory_bytes": "Peak memory (bytes)",
}

LOGARITHMIC = frozenset(
    {
        "loss",
        "loss_after",
        "eval_loss",
        "suboptimality",
        "gradient_norm",
        "step_norm",
        "damping",
        "ritz_largest",
        "ritz_condition",
    }
)


def x_title(x: str) -> str:
    """Title of the x axis; a metric without a title of its own is named as it is."""
    return X_TITLES.get(x) or f"{metric_title(x)}, running total"


def metric_title(metric: str) -> str:
    """Title of a metric's axis; unknown metrics keep their name."""
    return METRIC_TITLES.get(metric, metric)


def scale_of(metric: str) -> str:
    """Plotly's axis type under which `metric` is shown first."""
    return "log" if metric in LOGARITHMIC else "linear"


def cost_title(x: str) -> str:
    """What is paid along x, in words that follow others."""
    return COST_TITLES.get(x, x_title(x))
