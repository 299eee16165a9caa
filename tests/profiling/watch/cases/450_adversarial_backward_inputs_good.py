import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 12))

    def forward(self, x):
        return self.net(x)


encoder = Encoder()
task_head = nn.Linear(12, 2)
probe = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 3))  # tries to read the protected attribute
opt_main = torch.optim.Adam([*encoder.parameters(), *task_head.parameters()], lr=1e-3)
opt_probe = torch.optim.Adam(probe.parameters(), lr=1e-3)
main_params = [*encoder.parameters(), *task_head.parameters()]
lam = 0.3

for step in range(3):
    x = torch.randn(16, 20)
    y, attr = torch.randint(0, 2, (16,)), torch.randint(0, 3, (16,))
    z = encoder(x)
    task_loss = F.cross_entropy(task_head(z), y)
    leak_loss = F.cross_entropy(probe(z), attr)

    # the encoder hides the attribute, the probe looks for it
    opt_main.zero_grad()
    opt_probe.zero_grad()
    (task_loss - lam * leak_loss).backward(inputs=main_params, retain_graph=True)
    leak_loss.backward(inputs=list(probe.parameters()))
    opt_main.step()
    opt_probe.step()
    print(step, task_loss.item(), leak_loss.item())
