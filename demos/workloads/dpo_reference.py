"""DPO: a policy learns against a reference model that must not."""

import torch
from torch import nn

SIZE = "sequences"
SIZES = (4, 16)
PARAMETERS = {
    "length": (32, 2, 65536),
    "vocab": (2048, 2, 262144),
    "width": (64, 1, 8192),
    "depth": (4, 1, 64),
}


class _Model(nn.Module):
    """A language model that returns the log-probability of each sequence."""

    def __init__(self, vocab, width, depth):
        super().__init__()
        layers = [layer for _ in range(depth) for layer in (nn.Linear(width, width), nn.GELU())]
        self.net = nn.Sequential(nn.Embedding(vocab, width), *layers, nn.Linear(width, vocab))

    def forward(self, tokens):
        logp = self.net(tokens[:, :-1]).log_softmax(-1)
        return logp.gather(-1, tokens[:, 1:, None]).sum((1, 2))


def build(size, length, vocab, width, depth):
    models = {name: _Model(vocab, width, depth) for name in ("policy", "ref")}
    tokens = {name: torch.randint(vocab, (size, length)) for name in ("chosen", "rejected")}
    return {**models, **tokens, "cache": {}}


def groups(policy, ref, chosen, rejected, cache):
    return {"policy": list(policy.parameters()), "ref": list(ref.parameters())}


def reference(policy, ref, chosen, rejected, cache):
    margin = ref(chosen) - ref(rejected)
    gain = policy(chosen) - policy(rejected) - margin
    loss = -torch.nn.functional.logsigmoid(0.1 * gain).mean()
    return {"policy": torch.autograd.grad(loss, list(policy.parameters())), "ref": None}


def attached(policy, ref, chosen, rejected, cache):
    margin = ref(chosen) - ref(rejected)
    gain = policy(chosen) - policy(rejected) - margin
    return -torch.nn.functional.logsigmoid(0.1 * gain).mean()


def detach(policy, ref, chosen, rejected, cache):
    margin = ref(chosen) - ref(rejected)
    gain = policy(chosen) - policy(rejected) - margin.detach()
    return -torch.nn.functional.logsigmoid(0.1 * gain).mean()


def detach_inline(policy, ref, chosen, rejected, cache):
    margin = ref(chosen).detach() - ref(rejected).detach()
    gain = policy(chosen) - policy(rejected) - margin
    return -torch.nn.functional.logsigmoid(0.1 * gain).mean()


def no_grad(policy, ref, chosen, rejected, cache):
    with torch.no_grad():
        margin = ref(chosen) - ref(rejected)
    gain = policy(chosen) - policy(rejected) - margin
    return -torch.nn.functional.logsigmoid(0.1 * gain).mean()


def inference_mode(policy, ref, chosen, rejected, cache):
    with torch.inference_mode():
        margin = ref(chosen) - ref(rejected)
    # A difference saves neither of its terms, so an inference tensor may be one.
    gain = policy(chosen) - policy(rejected) - margin
    return -torch.nn.functional.logsigmoid(0.1 * gain).mean()


def prepare_frozen(policy, ref, chosen, rejected, cache):
    ref.requires_grad_(False)


def frozen(policy, ref, chosen, rejected, cache):
    margin = ref(chosen) - ref(rejected)
    gain = policy(chosen) - policy(rejected) - margin
    return -torch.nn.functional.logsigmoid(0.1 * gain).mean()


def prepare_precomputed(policy, ref, chosen, rejected, cache):
    with torch.no_grad():
        cache["margin"] = ref(chosen) - ref(rejected)


def precomputed(policy, ref, chosen, rejected, cache):
    gain = policy(chosen) - policy(rejected) - cache["margin"]
    return -torch.nn.functional.logsigmoid(0.1 * gain).mean()
