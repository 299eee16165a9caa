import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
BITS = 12


class HashNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 8, 3, stride=2), nn.ReLU(), nn.Conv2d(8, 16, 3), nn.ReLU())
        self.bits = nn.Linear(16, BITS)

    def forward(self, x):
        u = self.bits(self.features(x).mean((2, 3)))
        return torch.tanh(u)


def pairwise_loss(codes, labels):
    sim = (labels[:, None] == labels[None, :]).float()
    theta = 0.5 * codes @ codes.t() / BITS
    off_diag = ~torch.eye(len(codes), dtype=torch.bool)
    return (F.softplus(theta) - sim * theta)[off_diag].mean()


def evaluate(net, x, labels):
    with torch.no_grad():
        codes = net(x).sign()
        dist = (codes[:, None] != codes[None, :]).sum(-1) + torch.eye(len(x), dtype=torch.long) * BITS
        return (labels[dist.argmin(1)] == labels).float().mean().item()


hash_net = HashNet()
opt = torch.optim.SGD(hash_net.parameters(), lr=0.1, momentum=0.9)
for epoch in range(3):
    x, labels = torch.randn(16, 1, 11, 11), torch.randint(0, 4, (16,))
    loss = pairwise_loss(hash_net(x), labels)
    opt.zero_grad()
    loss.backward()
    opt.step()
    precision = evaluate(hash_net, x, labels)
