import torch
from torch import nn


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Linear(5, 9)
        self.head = nn.Linear(9, 2)
        self.lam = 0.1

    def forward(self, x):
        f = torch.tanh(self.backbone(x))
        if self.training:
            f.register_hook(lambda g: g * self.lam)
        return self.head(f)


torch.manual_seed(0)
model = Model().train()
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    x, y = torch.randn(12, 5), torch.randint(2, (12,))
    loss = nn.functional.cross_entropy(model(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
