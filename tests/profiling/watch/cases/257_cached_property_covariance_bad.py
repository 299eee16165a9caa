from functools import cached_property
import torch
from torch import nn

torch.manual_seed(0)


class GaussianHead(nn.Module):
    def __init__(self, d=4):
        super().__init__()
        self.L = nn.Parameter(torch.eye(d) + 0.1 * torch.randn(d, d))
        self.mean = nn.Linear(6, d)

    @cached_property
    def cov(self):
        return self.L @ self.L.t() + 1e-3 * torch.eye(self.L.size(0))

    def forward(self, x):
        return torch.distributions.MultivariateNormal(self.mean(x), covariance_matrix=self.cov)


head = GaussianHead()
opt = torch.optim.Adam(head.parameters(), lr=1e-2)
x, y = torch.randn(32, 6), torch.randn(32, 4)
for epoch in range(3):
    nll = -head(x).log_prob(y).mean()
    opt.zero_grad()
    nll.backward()
    opt.step()
