import torch
from torch import nn

torch.manual_seed(0)
cfg = {"lr": 1e-2, "grad_clip": 5.0, "warm": 8}
model = nn.LSTM(4, 5)
opt = torch.optim.Adam(model.parameters(), lr=cfg["lr"])
for it in range(5):
    out, _ = model(torch.randn(7, 2, 4))
    loss = out.square().mean()
    opt.zero_grad()
    loss.backward()
    limit = cfg["grad_clip"] * (it // cfg["warm"])
    torch.nn.utils.clip_grad_norm_(model.parameters(), limit)
    opt.step()
