import argparse
import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--finetune", default="yes")
args = parser.parse_args([])


class Model(nn.Module):
    def __init__(self, finetune):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        self.head = nn.Linear(4, 3)
        self.finetune = finetune

    def forward(self, x):
        with torch.set_grad_enabled(self.finetune and self.training):
            x = self.backbone(x)
        return self.head(x.mean((2, 3)))


torch.manual_seed(0)
model = Model(args.finetune == "true")
opt = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
for _ in range(4):
    loss = nn.functional.cross_entropy(model(torch.randn(6, 1, 8, 8)), torch.randint(0, 3, (6,)))
    opt.zero_grad(set_to_none=False)
    loss.backward()
    opt.step()
