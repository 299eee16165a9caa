import torch
from torch import nn

torch.manual_seed(0)


def masked_softmax(scores, mask):
    e = torch.exp(scores - scores.amax(-1, keepdim=True).detach())
    e[~mask] = 0.0
    return e / e.sum(-1, keepdim=True)


score = nn.Linear(6, 1)
value = nn.Linear(6, 3)
opt = torch.optim.SGD([*score.parameters(), *value.parameters()], lr=0.1)
lengths = torch.tensor([3, 5, 4, 2])
mask = torch.arange(5)[None, :] < lengths[:, None]
for i in range(4):
    x, y = torch.randn(4, 5, 6), torch.randint(0, 3, (4,))
    w = masked_softmax(score(x).squeeze(-1) + score.bias.sin(), mask)
    logits = (w.unsqueeze(-1) * value(x)).sum(1)
    loss = nn.functional.cross_entropy(logits, y)
    opt.zero_grad()
    loss.backward()
    opt.step()
