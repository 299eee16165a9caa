import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class SchNetLite(nn.Module):
    def __init__(self, species=4, d=12, n_rbf=10):
        super().__init__()
        self.emb = nn.Embedding(species, d)
        self.filter = nn.Sequential(nn.Linear(n_rbf, d), nn.Softplus(), nn.Linear(d, d))
        self.energy = nn.Sequential(nn.Linear(d, d), nn.Softplus(), nn.Linear(d, 1))
        self.register_buffer("centres", torch.linspace(0, 4, n_rbf))

    def forward(self, z, pos):
        n = len(z)
        i, j = (~torch.eye(n, dtype=torch.bool)).nonzero(as_tuple=True)
        dist = (pos[i] - pos[j]).norm(dim=-1)
        w = self.filter(torch.exp(-2 * (dist[:, None] - self.centres) ** 2))
        h = self.emb(z)
        h = h + torch.zeros_like(h).index_add(0, i, w * h[j])
        return self.energy(h).sum()


model = SchNetLite()
opt = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(3):
    z, pos = torch.randint(0, 4, (6,)), (torch.randn(6, 3) * 1.5).requires_grad_(True)
    e_ref, f_ref = torch.randn(()), torch.randn(6, 3)
    energy = model(z, pos)
    forces = -torch.autograd.grad(energy, pos, create_graph=True)[0]
    loss = 0.1 * (energy - e_ref).square() + F.mse_loss(forces, f_ref)
    opt.zero_grad()
    loss.backward()
    opt.step()
