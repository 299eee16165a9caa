import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


def convnet(width):
    return nn.ModuleDict({
        "features": nn.Sequential(nn.Conv2d(3, width, 3, stride=2), nn.ReLU(), nn.Conv2d(width, width, 3), nn.ReLU()),
        "classifier": nn.Linear(width, 10),
    })


def run(net, x):
    fmap = net["features"](x)
    return fmap, net["classifier"](fmap.mean((2, 3)))


teacher, student = convnet(24).eval(), convnet(8)
for p in teacher.parameters():
    p.requires_grad_(False)
adapter = nn.Conv2d(24, 8, 1)  # teacher channels -> student channels, learned together with the student
optimizer = torch.optim.AdamW(list(student.parameters()) + list(adapter.parameters()), lr=1e-3)


def distill_loss(x, y, T=4.0, alpha=0.7, beta=0.1):
    with torch.no_grad():
        t_map, t_logits = run(teacher, x)
    hint = adapter(t_map)
    s_map, s_logits = run(student, x)
    kd = F.kl_div(F.log_softmax(s_logits / T, 1), F.softmax(t_logits / T, 1), reduction="batchmean") * T * T
    ce = F.cross_entropy(s_logits, y)
    return alpha * kd + (1 - alpha) * ce + beta * F.mse_loss(s_map, hint)


for step in range(3):
    x, y = torch.randn(6, 3, 14, 14), torch.randint(0, 10, (6,))
    loss = distill_loss(x, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
