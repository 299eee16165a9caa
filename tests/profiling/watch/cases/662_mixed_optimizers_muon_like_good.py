import torch
from torch import nn


class Ortho(torch.optim.Optimizer):
    def __init__(self, params, lr=0.02):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure=None):
        for g in self.param_groups:
            for p in g["params"]:
                if p.grad is None:
                    continue
                u, _, v = torch.linalg.svd(p.grad, full_matrices=False)
                p.add_(u @ v, alpha=-g["lr"])


torch.manual_seed(0)
model = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
matrix = [p for p in model.parameters() if p.ndim == 2]
rest = [p for p in model.parameters() if p.ndim != 2]
opts = [Ortho(matrix), torch.optim.AdamW(rest, lr=1e-3)]
scheds = [torch.optim.lr_scheduler.LambdaLR(o, lambda s: min(1, (s + 1) / 4)) for o in opts]
for _ in range(5):
    x = torch.randn(2, 5, 8)
    loss = (model(x) - x.roll(1, 1)).pow(2).mean()
    for o in opts:
        o.zero_grad(set_to_none=True)
    loss.backward()
    for o, s in zip(opts, scheds):
        o.step()
        s.step()
