"""Cuts in training loops: GANs, recurrence, logging, checkpoints."""

LESSONS = (
    "gan_discriminator_step",
    "gan_generator_step",
    "truncated_bptt",
    "lstm_state_is_a_tuple",
    "total_loss_grows",
    "detach_after_forward",
    "target_network",
    "checkpoint_frozen_input",
    "second_backward",
    "step_before_backward",
    "old_graph_lives_on",
    "create_graph_cycle",
    "replaced_layer",
    "scaler_without_gradients",
    "scaler_half_weights",
    "recomputed_otherwise",
    "ema_without_guard",
    "ddp_unused_parameters",
    "compiled_zeros",
)
