import torch
from torch import nn

torch.manual_seed(0)
encoder = nn.Sequential(nn.Linear(6, 8), nn.ReLU())
task, adversary = nn.Linear(8, 2), nn.Linear(8, 2)
opt_main = torch.optim.SGD([*encoder.parameters(), *task.parameters()], 0.05)
opt_adv = torch.optim.SGD(adversary.parameters(), 0.05)
ce = nn.functional.cross_entropy
for _ in range(3):
    x, y, secret = torch.randn(16, 6), torch.randint(2, (16,)), torch.randint(2, (16,))
    code = encoder(x).detach()
    opt_adv.zero_grad()
    ce(adversary(code.detach()), secret).backward()
    opt_adv.step()
    opt_main.zero_grad()
    (ce(task(code), y) - 0.1 * ce(adversary(code), secret)).backward()
    opt_main.step()
