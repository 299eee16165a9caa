import math

import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class LoRALinear(nn.Module):
    def __init__(self, base, r=2, alpha=4):
        super().__init__()
        self.base = base
        self.base.weight.requires_grad_(False)
        self.lora_A = nn.Parameter(torch.empty(r, base.in_features))
        self.lora_B = nn.Parameter(torch.randn(base.out_features, r) * 0.01)
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))
        self.scaling = alpha / r

    def forward(self, x):
        delta = (self.lora_B @ self.lora_A) * self.scaling
        weight = self.base.weight + delta.data
        return F.linear(x, weight, self.base.bias)


class TinyLM(nn.Module):
    def __init__(self, vocab=25, d=16):
        super().__init__()
        self.tok = nn.Embedding(vocab, d)
        self.q, self.k, self.v, self.o = (nn.Linear(d, d) for _ in range(4))
        self.head = nn.Linear(d, vocab)

    def forward(self, ids):
        h = self.tok(ids)
        a = F.scaled_dot_product_attention(self.q(h), self.k(h), self.v(h), is_causal=True)
        return self.head(h + self.o(a))


lm = TinyLM()
lm.requires_grad_(False)
for name in ("q", "v"):
    setattr(lm, name, LoRALinear(getattr(lm, name)))
lm.head.requires_grad_(True)
trainable = [p for p in lm.parameters() if p.requires_grad]
print("trainable", sum(p.numel() for p in trainable))
opt = torch.optim.AdamW(trainable, lr=1e-3)
for step in range(3):
    ids = torch.randint(0, 25, (4, 9))
    loss = F.cross_entropy(lm(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
    opt.zero_grad()
    loss.backward()
    opt.step()
