"""The same question elsewhere: a file for each framework, a function for each lesson.

A function returns the gradient that arrives, or a pair: it, and the weight after the optimizer's
step.
"""

FRAMEWORKS = ("pytorch", "tensorflow", "jax", "tinygrad", "mlx", "paddle")
SCENARIOS = (
    "detach_untouched",
    "backward_through_detached",
    "detach_then_zero",
    "detach_inplace_before",
    "detach_inplace_after",
    "straight_through",
    "zero_is_a_gradient",
)
