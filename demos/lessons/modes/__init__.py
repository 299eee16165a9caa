"""Grad mode and inference mode, across functions, threads and tasks."""

LESSONS: tuple[str, ...] = (
    "eval_is_not_no_grad",
    "no_grad_decorator",
    "no_grad_in_a_generator",
    "no_grad_and_threads",
    "no_grad_and_asyncio",
    "inference_tensor_in_training",
    "inference_mode_inside",
    "library_no_grad",
)
