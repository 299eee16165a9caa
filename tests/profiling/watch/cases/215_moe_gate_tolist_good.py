import torch
from torch import nn

torch.manual_seed(0)


class MoE(nn.Module):
    def __init__(self, d_in, d_out, n_experts=3):
        super().__init__()
        self.experts = nn.ModuleList([nn.Linear(d_in, d_out) for _ in range(n_experts)])
        self.gate = nn.Linear(d_in, n_experts)

    def forward(self, x):
        probs = self.gate(x).softmax(-1)
        rows = []
        for i, weights in enumerate(probs):
            rows.append(sum(w * e(x[i]) for w, e in zip(weights, self.experts)))
        return torch.stack(rows)


moe = MoE(6, 2)
opt = torch.optim.Adam(moe.parameters(), lr=1e-3)
for it in range(4):
    x, y = torch.randn(5, 6), torch.randn(5, 2)
    loss = (moe(x) - y).abs().mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
