import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class CosineClassifier(nn.Module):
    def __init__(self, dim, n_classes):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(dim, 32), nn.ReLU(), nn.Linear(32, 16))
        self.prototypes = nn.Parameter(torch.randn(n_classes, 16))

    def forward(self, x):
        z = F.normalize(self.body(x), dim=-1)
        w = F.normalize(self.prototypes, dim=-1)
        return 16.0 * z @ w.t()


net = CosineClassifier(10, 5)
opt = torch.optim.SGD(net.parameters(), lr=0.1)
x, y = torch.randn(32, 10), torch.randint(0, 5, (32,))
for epoch in range(4):
    loss = F.cross_entropy(net(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
