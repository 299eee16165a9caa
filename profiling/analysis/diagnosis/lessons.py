"""Which lesson shows a cause."""

from __future__ import annotations

# Names of files in demos/lessons; empty where no lesson shows it.
LESSONS = {
    "detach": "nothing_requires_grad",
    "data": "data_or_detach",
    "no_grad": "no_grad_kills_the_stem",
    "inference_mode": "inference_tensor_in_training",
    "item": "rebuilt_from_numbers",
    "tolist": "rebuilt_from_numbers",
    "numpy": "numpy_in_forward",
    "bool": "",
    "rebuild": "rebuilt_from_numbers",
    "parameter_rebuild": "requires_grad_again",
    "nondiff_op": "argmax_as_loss",
    "zero_grad_op": "straight_through",
    "frozen": "freeze_and_finetune",
    "only_evaluated": "",
    "unused": "",
    "not_in_loss": "grad_of_unused",
    "optimizer_missing": "replaced_layer",
    "zero_factor": "",
    "dead_unit": "",
    "saturated": "",
    "cancelled": "",
    "grad_zeroed": "",
    "checkpoint": "checkpoint_frozen_input",
    "custom_function": "detached_factor",
    "graph_leak": "total_loss_grows",
    "graph_kept": "total_loss_grows",
    "backward_twice": "second_backward",
    "inplace_saved": "changed_after_saved",
    "silent_mutation": "data_or_detach",
    "other_copy": "",
    "hook": "",
    "not_requested": "",
    "no_create_graph": "double_backward",
    "not_in_derivative": "",
    "no_backward": "",
    "no_graph": "nothing_requires_grad",
    "unknown": "",
}
CAUSES = tuple(LESSONS)
# Of a graph that grows, or is used again, through a state that is carried from step to step.
CARRIED = "truncated_bptt"


def lesson_of(cause: str) -> str:
    """Return the name of the lesson that shows a cause; empty if there is none.

    Example:
        >>> lesson_of("tolist")
        'rebuilt_from_numbers'
    """
    return LESSONS.get(cause, "")
