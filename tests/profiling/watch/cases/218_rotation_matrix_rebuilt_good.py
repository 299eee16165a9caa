import torch

torch.manual_seed(0)
src = torch.randn(30, 2)
true = torch.tensor(0.7)
c, s = torch.cos(true), torch.sin(true)
dst = src @ torch.stack([torch.stack([c, -s]), torch.stack([s, c])]).T + torch.tensor([0.5, -1.0])

theta = torch.nn.Parameter(torch.tensor(0.1))
shift = torch.nn.Parameter(torch.zeros(2))
opt = torch.optim.Adam([theta, shift], lr=0.05)
for i in range(20):
    cos, sin = torch.cos(theta), torch.sin(theta)
    R = torch.stack([torch.stack([cos, -sin]), torch.stack([sin, cos])])
    loss = ((src @ R.T + shift - dst) ** 2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
