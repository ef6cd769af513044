"""The learning rate of each step."""

import math

from tronrec.params import TrainingParams


def learning_rate(params: TrainingParams, step: int, steps: int) -> float:
    """Return the learning rate of `step`, the first being 1, of `steps` in all."""
    if step <= params.warmup_steps:
        return params.learning_rate * step / params.warmup_steps
    if params.schedule == "constant":
        return params.learning_rate
    done = (step - params.warmup_steps) / max(1, steps - params.warmup_steps)
    return params.learning_rate * 0.5 * (1 + math.cos(math.pi * done))
