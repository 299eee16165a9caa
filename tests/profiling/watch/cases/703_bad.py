import torch
from torch import nn
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1))
bias = nn.Linear(4, 4)
opt = torch.optim.SGD([*model.parameters(), *bias.parameters()], lr=0.1)
for step in range(3):
    x = torch.randn(8, 4)
    h = model[0](x)
    h.data += bias(x)
    loss = model[2](model[1](h)).pow(2).mean()
    opt.zero_grad(); loss.backward(); opt.step()
