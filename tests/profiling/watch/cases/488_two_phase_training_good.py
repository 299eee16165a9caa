import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
encoder = nn.Sequential(nn.Linear(20, 12), nn.Tanh(), nn.Linear(12, 5))
decoder = nn.Sequential(nn.Linear(5, 12), nn.Tanh(), nn.Linear(12, 20))
x_all, y_all = torch.randn(64, 20), torch.randint(0, 3, (64,))


def run_phase(name, params, loss_fn, steps=3):
    opt = torch.optim.Adam(params, lr=1e-3)
    for i in range(steps):
        idx = torch.randperm(len(x_all))[:16]
        loss = loss_fn(x_all[idx], y_all[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        yield f"{name} {i}", loss.item()


def reconstruction(x, _):
    return F.mse_loss(decoder(encoder(x + 0.1 * torch.randn_like(x))), x)


for tag, value in run_phase("pretrain", [*encoder.parameters(), *decoder.parameters()], reconstruction):
    print(tag, round(value, 3))

encoder.requires_grad_(False)
classifier = nn.Linear(5, 3)
for tag, value in run_phase("probe", classifier.parameters(), lambda x, y: F.cross_entropy(classifier(encoder(x)), y)):
    print(tag, round(value, 3))
