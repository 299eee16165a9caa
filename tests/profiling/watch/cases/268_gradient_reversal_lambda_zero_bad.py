import torch
from torch import nn

torch.manual_seed(0)
feat = nn.Sequential(nn.Linear(8, 16), nn.ReLU())
domain = nn.Sequential(nn.Identity(), nn.Linear(16, 1))
lam = 0


def reverse(module, grad_input, grad_output):
    return tuple(-lam * g for g in grad_input)


domain[0].register_full_backward_hook(reverse)
opt = torch.optim.Adam([*feat.parameters(), *domain.parameters()], lr=1e-3)
for step in range(4):
    x = torch.cat([torch.randn(16, 8), torch.randn(16, 8) + 1])
    d = torch.cat([torch.zeros(16, 1), torch.ones(16, 1)])
    loss = nn.functional.binary_cross_entropy_with_logits(domain(feat(x)), d)
    opt.zero_grad()
    loss.backward()
    opt.step()
