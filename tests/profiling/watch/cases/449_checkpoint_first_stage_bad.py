import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

torch.manual_seed(0)


class Stage(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, 3, padding=1)
        self.norm = nn.GroupNorm(2, cout)

    def forward(self, x):
        return F.max_pool2d(F.silu(self.norm(self.conv(x))), 2)


class Backbone(nn.Module):
    def __init__(self, classes=4, grad_checkpointing=True):
        super().__init__()
        self.stages = nn.ModuleList([Stage(3, 8), Stage(8, 12), Stage(12, 16)])
        self.head = nn.Linear(16, classes)
        self.grad_checkpointing = grad_checkpointing

    def forward_features(self, x):
        for stage in self.stages:
            if self.grad_checkpointing and self.training:
                x = checkpoint(stage, x, use_reentrant=True)
            else:
                x = stage(x)
        return x

    def forward(self, x):
        return self.head(self.forward_features(x).mean((2, 3)))


model = Backbone().train()
opt = torch.optim.AdamW(model.parameters(), lr=1e-3)
for step in range(2):
    x, y = torch.randn(4, 3, 16, 16), torch.randint(0, 4, (4,))
    opt.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    opt.step()
