import os, tempfile
import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
best, where = float("inf"), os.path.join(tempfile.mkdtemp(), "best.pt")
for epoch in range(6):
    for _ in range(2):
        x = torch.randn(10, 4)
        y = (x[:, 0] > 0).long()
        loss = nn.functional.cross_entropy(net(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
    if loss.item() < best:
        best = loss.item()
        torch.save({"net": net.state_dict(), "opt": opt.state_dict(), "epoch": epoch}, where)
    elif epoch == 4:
        ck = torch.load(where)
        net.load_state_dict(ck["net"])
        opt.load_state_dict(ck["opt"])
net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
net.load_state_dict(torch.load(where)["net"])
net.eval()
x = torch.randn(20, 4)
print((net(x).argmax(1) == (x[:, 0] > 0)).float().mean().item())
