"""The scenarios of an article on detach() and detach_(), and its claims."""

LESSONS = (
    "baseline",
    "detach_untouched",
    "backward_through_detached",
    "detach_then_zero",
    "detach_inplace_before",
    "detach_inplace_after",
    "detach_or_detach_inplace",
    "requires_grad_again",
    "freeze_and_finetune",
    "side_branch",
)
