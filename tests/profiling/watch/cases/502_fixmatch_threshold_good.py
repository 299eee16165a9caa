import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
opt = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9, nesterov=True)
centres = torch.randn(3, 10) * 2


def draw(n):
    y = torch.randint(0, 3, (n,))
    return centres[y] + 0.5 * torch.randn(n, 10), y


stats = {"mask": [], "loss": []}
for step in range(6):
    xl, yl = draw(9)
    xu, _ = draw(30)
    weak, strong = xu + 0.05 * torch.randn_like(xu), xu + 0.5 * torch.randn_like(xu)
    logits = model(torch.cat([xl, strong]))
    with torch.no_grad():
        conf, pseudo = model(weak).softmax(-1).max(-1)
        mask = (conf > 0.95).float()
    sup = F.cross_entropy(logits[:9], yl)
    unsup = (F.cross_entropy(logits[9:], pseudo, reduction="none") * mask).mean()
    loss = sup + unsup
    opt.zero_grad()
    loss.backward()
    opt.step()
    stats["mask"].append(mask.mean().item())
    stats["loss"].append(loss.item())
