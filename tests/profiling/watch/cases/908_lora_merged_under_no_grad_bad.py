import math

import torch
from torch import nn
from torch.nn import functional as F


class LoraLinear(nn.Module):
    def __init__(self, base, rank=4, alpha=8):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.lora_a = nn.Parameter(torch.empty(rank, base.in_features))
        self.lora_b = nn.Parameter(torch.full((base.out_features, rank), 1e-3))
        nn.init.kaiming_uniform_(self.lora_a, a=math.sqrt(5))
        self.scaling = alpha / rank

    def merged(self):
        with torch.no_grad():
            return self.base.weight + self.scaling * self.lora_b @ self.lora_a

    def forward(self, x):
        return F.linear(x, self.merged(), self.base.bias)


torch.manual_seed(0)
layer = LoraLinear(nn.Linear(6, 6))
head = nn.Linear(6, 1)
trainable = [p for m in (layer, head) for p in m.parameters() if p.requires_grad]
opt = torch.optim.AdamW(trainable, lr=1e-2)
for _ in range(3):
    x = torch.randn(20, 6)
    loss = (head(layer(x)) - x.sum(1, keepdim=True)).abs().mean()
    loss.backward()
    opt.step()
    opt.zero_grad()
