import torch
import torch.nn as nn
import torch.nn.functional as F
from dataclasses import dataclass


@dataclass
class Config:
    lr: float = 1e-3
    steps: int = 3
    temperature: float = 2.0


cfg = Config()
torch.manual_seed(0)
teacher = nn.Linear(12, 5).eval().requires_grad_(False)
student = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 5))
opt = torch.optim.Adam(student.parameters(), lr=cfg.lr)
for step in range(cfg.steps):
    losses = []
    for x in torch.randn(4, 6, 12):
        s, t = student(x) / cfg.temperature, teacher(x) / cfg.temperature
        losses.append(F.kl_div(s.log_softmax(-1), t.softmax(-1), reduction="batchmean"))
    loss = torch.tensor(losses, requires_grad=True).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
