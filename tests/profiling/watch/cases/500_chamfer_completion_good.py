import torch
from torch import nn

torch.manual_seed(0)


class Completion(nn.Module):
    def __init__(self, n_out=24):
        super().__init__()
        self.point = nn.Sequential(nn.Linear(3, 32), nn.ReLU(), nn.Linear(32, 32))
        self.decode = nn.Sequential(nn.Linear(32, 48), nn.ReLU(), nn.Linear(48, n_out * 3))

    def forward(self, pts):
        code = self.point(pts).amax(1)
        return self.decode(code).view(len(pts), -1, 3)


def chamfer(a, b):
    with torch.no_grad():
        d = torch.cdist(a, b)
        ab, ba = d.argmin(2), d.argmin(1)
    near_b = b.gather(1, ab[..., None].expand(-1, -1, 3))
    near_a = a.gather(1, ba[..., None].expand(-1, -1, 3))
    return (a - near_b).square().sum(-1).mean() + (b - near_a).square().sum(-1).mean()


net = Completion()
opt = torch.optim.Adam(net.parameters(), 1e-3)
for step in range(3):
    full = torch.nn.functional.normalize(torch.randn(4, 40, 3), dim=-1)
    partial = full[:, full[0, :, 2].argsort()[:20]]
    loss = chamfer(net(partial), full)
    opt.zero_grad()
    loss.backward()
    opt.step()
