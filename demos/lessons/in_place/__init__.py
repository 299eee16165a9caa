"""Tensors that share memory, and what notices its changes."""

LESSONS = (
    "data_or_detach",
    "saves_nothing",
    "resize_detached",
    "detach_inplace_saved",
    "detach_inplace_on_view",
    "leaf_in_place",
    "wrong_flag",
    "view_made_in_no_grad",
    "identity_pack_hook",
    "changed_after_saved",
    "write_in_a_loop",
)
