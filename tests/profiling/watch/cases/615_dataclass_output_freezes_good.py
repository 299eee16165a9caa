from __future__ import annotations
from dataclasses import dataclass, replace
import torch
from torch import nn


@dataclass(frozen=True)
class Output:
    hidden: torch.Tensor
    logits: torch.Tensor | None = None

    def map(self, fn):
        return replace(self, hidden=fn(self.hidden))


class System(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(30, 8)
        self.mix = nn.Linear(8, 8)
        self.cls = nn.Linear(8, 4)

    def forward(self, ids):
        out = Output(self.embed(ids).mean(1))
        out = out.map(lambda t: t.clamp(-2, 2))
        out = out.map(self.mix).map(torch.tanh)
        return replace(out, logits=self.cls(out.hidden))


torch.manual_seed(2)
system = System()
opt = torch.optim.Adagrad(system.parameters(), lr=0.05)
for step in range(5):
    ids = torch.randint(0, 30, (16, 5))
    loss = nn.functional.cross_entropy(system(ids).logits, ids[:, 0] % 4)
    opt.zero_grad()
    loss.backward()
    opt.step()
