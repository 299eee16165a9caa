import torch
from torch import nn
from f613_ops import l2n, l2n_train

torch.manual_seed(0)
enc = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4))
centres = nn.Parameter(torch.randn(3, 4))
opt = torch.optim.SGD([{"params": enc.parameters()}, {"params": [centres]}], lr=0.1)
for _ in range(5):
    x, y = torch.randn(9, 6), torch.randint(0, 3, (9,))
    z = l2n_train(enc(x))
    logits = z @ l2n_train(centres).t() / 0.1
    loss = nn.functional.cross_entropy(logits, y)
    opt.zero_grad()
    loss.backward()
    opt.step()
