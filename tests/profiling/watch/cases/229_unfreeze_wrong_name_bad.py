import torch
from torch import nn

torch.manual_seed(0)


class ResNetish(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer1 = nn.Sequential(nn.Linear(12, 12), nn.ReLU())
        self.layer4 = nn.Sequential(nn.Linear(12, 12), nn.ReLU())
        self.fc = nn.Linear(12, 3)

    def forward(self, x):
        return self.fc(self.layer4(self.layer1(x)))


model = ResNetish()
for p in model.parameters():
    p.requires_grad = False
for name, p in model.named_parameters():
    if name.startswith(("layer_4", "fc")):
        p.requires_grad = True

opt = torch.optim.SGD(model.parameters(), lr=0.01)
for step in range(4):
    x, y = torch.randn(16, 12), torch.randint(0, 3, (16,))
    loss = nn.functional.cross_entropy(model(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
