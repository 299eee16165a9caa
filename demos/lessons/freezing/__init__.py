"""What a frozen layer still does and costs."""

LESSONS: tuple[str, ...] = (
    "no_grad_kills_the_stem",
    "frozen_parameter_moves",
    "frozen_batchnorm_drifts",
    "frozen_middle_saves_memory",
    "frozen_layer_still_saves",
    "zero_is_a_gradient",
    "frozen_cast_again",
)
