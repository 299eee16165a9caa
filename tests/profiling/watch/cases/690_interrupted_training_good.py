import signal
import torch
from torch import nn

torch.manual_seed(0)
net = nn.Linear(4, 1)
opt = torch.optim.LBFGS(net.parameters(), max_iter=3)
x, y = torch.randn(20, 4), torch.randn(20, 1)
seen = []


def closure():
    opt.zero_grad()
    loss = nn.functional.mse_loss(net(x), y) + 1e-3 * net.weight.abs().sum()
    loss.backward()
    seen.append(loss.item())
    if len(seen) == 7:
        signal.raise_signal(signal.SIGINT)
    return loss


try:
    while True:
        opt.step(closure)
except KeyboardInterrupt:
    print("interrupted, saving", len(seen))
