import torch
from torch import nn


class Gates(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.logits = nn.Parameter(torch.randn(n))

    def forward(self):
        return (torch.sigmoid(self.logits) > 0.3).float()


torch.manual_seed(0)
gates, fc1, fc2 = Gates(10), nn.Linear(4, 10), nn.Linear(10, 1)
params = [*gates.parameters(), *fc1.parameters(), *fc2.parameters()]
opt = torch.optim.Adam(params, lr=1e-2)
for _ in range(3):
    x = torch.randn(14, 4)
    hidden = fc1(x).tanh() * gates()
    loss = (fc2(hidden) - x[:, :1]).pow(2).mean() + 1e-3 * gates().sum()
    opt.zero_grad()
    loss.backward()
    opt.step()
