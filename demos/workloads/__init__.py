"""The workloads: one file each, and the branches that a workload may offer."""

WORKLOADS = (
    "elementwise",
    "side_branch",
    "frozen_backbone",
)

# In display order.
BRANCHES = (
    "attached",
    "detach",
    "detach_inline",
    "detach_kept",
    "clone_detach",
    "detach_clone",
    "detach_inplace",
    "no_grad",
    "inference_mode",
    "frozen",
)
