import io
import torch
from torch import nn

torch.manual_seed(0)
encoder = nn.Linear(6, 5)
probe = nn.Linear(5, 2)
opt = torch.optim.Adam([*encoder.parameters(), *probe.parameters()], lr=1e-3)
for epoch in range(5):
    x, y = torch.randn(8, 6), torch.randint(0, 2, (8,))
    z = encoder(x)
    store = io.BytesIO()
    torch.save(z.detach(), store)
    store.seek(0)
    z = torch.load(store)
    loss = nn.functional.cross_entropy(probe(z), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
