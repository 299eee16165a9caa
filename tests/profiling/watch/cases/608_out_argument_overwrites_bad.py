import torch
from torch import nn

torch.manual_seed(0)
mix = nn.Parameter(torch.rand(6, 6))
scale = nn.Parameter(torch.ones(6))
opt = torch.optim.SGD([mix, scale], lr=0.01)
scratch = torch.empty(4, 6)
for it in range(4):
    x = torch.randn(4, 6)
    h = (x @ mix).exp()
    y = h * scale
    with torch.no_grad():
        torch.clamp(h, max=5.0, out=h)
    loss = y.mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
