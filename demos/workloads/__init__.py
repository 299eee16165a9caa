"""The workloads, a file for each, and the branches that a workload may have."""

WORKLOADS = (
    "call_alone",
    "elementwise",
    "side_branch",
    "frozen_backbone",
    "frozen_middle",
    "gan_discriminator",
    "gan_generator",
    "truncated_bptt",
    "target_network",
    "straight_through",
    "loss_logging",
    "evaluation_logging",
    "feature_cache",
    "transformer_backbone",
)

# In display order.
BRANCHES = (
    "attached",
    "carried",
    "detach",
    "detach_inline",
    "detach_kept",
    "clone_detach",
    "detach_clone",
    "detach_inplace",
    "item",
    "no_grad",
    "inference_mode",
    "frozen",
)
