import torch
from torch import nn
from torch.utils.checkpoint import checkpoint


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Linear(6, 6)
        for p in self.stem.parameters():
            p.requires_grad = False
        self.block = nn.Sequential(nn.Linear(6, 12), nn.GELU(), nn.Linear(12, 6))
        self.classifier = nn.Linear(6, 4)

    def forward(self, x):
        x = self.stem(x)
        x = checkpoint(self.block, x, use_reentrant=True)
        return self.classifier(x)


import warnings

warnings.filterwarnings("ignore", message="None of the inputs")
torch.manual_seed(0)
net = Net()
opt = torch.optim.SGD(filter(lambda p: p.requires_grad, net.parameters()), lr=0.1)
for batch in torch.randn(3, 8, 6):
    opt.zero_grad()
    net(batch).logsumexp(-1).mean().backward()
    opt.step()
