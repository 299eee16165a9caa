import torch
from torch import nn
from torch.func import functional_call

torch.manual_seed(0)
main = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).requires_grad_(False)
shapes = {k: v.shape for k, v in main.named_parameters()}
size = sum(s.numel() for s in shapes.values())
hyper = nn.Sequential(nn.Linear(2, 16), nn.ReLU(inplace=True), nn.Linear(16, size))
opt = torch.optim.Adam(hyper.parameters(), lr=1e-3)
for _ in range(5):
    task = torch.randn(2)
    flat = hyper(task)
    new, at = {}, 0
    for k, s in shapes.items():
        new[k] = flat[at:at + s.numel()].view(s)
        at += s.numel()
    x = torch.randn(8, 3)
    loss = (functional_call(main, new, (x,)).squeeze(1) - x[:, :2] @ task).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
