import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
model = nn.Linear(5, 4)
tau = nn.Parameter(torch.zeros(4))
opt = torch.optim.SGD([*model.parameters(), tau], lr=0.1)
for _ in range(5):
    x, y = torch.randn(8, 5), torch.randint(0, 4, (8,))
    hard = model(x).softmax(-1)
    smooth = 0.9 * hard + 0.1 / 4 + tau.softmax(0)
    loss = F.nll_loss(torch.log(smooth), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
