import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8), nn.ReLU(inplace=True), nn.Linear(8, 8), nn.Dropout(0.1, inplace=True), nn.Linear(8, 1))
opt = torch.optim.AdamW(model.parameters(), lr=1e-3)
sched = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=1e-2, total_steps=5)
accum, running = 4, 0.0
opt.zero_grad(set_to_none=True)
for i in range(20):
    x, y = torch.randn(6, 8), torch.randn(6, 1)
    loss = nn.functional.mse_loss(model(x), y) / accum
    loss.backward()
    running += loss.item()
    if (i + 1) % accum == 0:
        nn.utils.clip_grad_value_(model.parameters(), 0.5)
        opt.step()
        sched.step()
        opt.zero_grad(set_to_none=True)
        running = 0.0
