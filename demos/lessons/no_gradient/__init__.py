"""Where a gradient is lost, and where it is not."""

LESSONS = (
    "nothing_requires_grad",
    "rebuilt_from_numbers",
    "argmax_as_loss",
    "non_leaf_has_no_grad",
    "clone_does_not_cut",
    "no_grad_keeps_parameters",
    "grad_of_unused",
    "straight_through",
    "double_backward",
    "detached_factor",
    "hooks_on_detached",
    "forward_mode",
    "numpy_in_forward",
    "moved_is_no_leaf",
    "where_sqrt_nan",
    "second_derivative",
    "func_grad_and_no_grad",
    "func_in_place",
)
