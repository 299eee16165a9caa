import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
model = nn.Sequential(nn.Embedding(30, 16), nn.Flatten(), nn.Linear(16 * 6, 32), nn.GELU(), nn.Linear(32, 5))
optimizers = {p: torch.optim.AdamW([p], lr=1e-3, foreach=False) for p in model.parameters()}


def step_and_free(p):
    optimizers[p].step()
    optimizers[p].zero_grad(set_to_none=True)


for p in model.parameters():
    p.register_post_accumulate_grad_hook(step_and_free)

losses = []
for it in range(3):
    ids, y = torch.randint(0, 30, (8, 6)), torch.randint(0, 5, (8,))
    loss = F.cross_entropy(model(ids), y)
    loss.backward()
    losses.append(loss.item())
