import torch
from torch import nn

torch.manual_seed(0)


class DiscreteVAE(nn.Module):
    def __init__(self, k=8):
        super().__init__()
        self.enc, self.codebook, self.dec = nn.Linear(12, k), nn.Embedding(k, 6), nn.Linear(6, 12)

    def forward(self, x):
        soft = self.enc(x).softmax(-1)
        hard = torch.zeros_like(soft).scatter_(-1, soft.argmax(-1, keepdim=True), 1.0)
        code = hard - soft.detach() + soft
        return self.dec(code @ self.codebook.weight), soft.argmax(-1)


vae = DiscreteVAE()
opt = torch.optim.Adam(vae.parameters(), lr=1e-2)
usage = torch.zeros(8)
for i in range(6):
    x = torch.randn(32, 12)
    rec, idx = vae(x)
    usage += torch.bincount(idx, minlength=8)
    loss = (rec - x).abs().mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
