"""Copies that share memory: arrays, snapshots, slices."""

LESSONS = (
    "numpy_needs_detach",
    "clone_detach_order",
    "slice_pins_all",
    "state_dict_is_aliased",
    "deepcopy_of_non_leaf",
    "pickled_non_leaf",
    "tensor_of_tensor",
)
