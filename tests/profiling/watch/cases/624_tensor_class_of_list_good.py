import torch
from torch import nn

torch.manual_seed(0)
energies = nn.ModuleList([nn.Linear(3, 1, bias=False) for _ in range(4)])
readout = nn.Linear(4, 2)
opt = torch.optim.SGD([*energies.parameters(), *readout.parameters()], lr=0.05)
step = 0
while step < 5:
    atoms = torch.randn(4, 3)
    per_atom = [e(a)[0] for e, a in zip(energies, atoms)]
    vec = torch.stack(per_atom)
    loss = nn.functional.cross_entropy(readout(vec)[None], torch.tensor([step % 2]))
    opt.zero_grad()
    loss.backward()
    opt.step()
    step += 1
