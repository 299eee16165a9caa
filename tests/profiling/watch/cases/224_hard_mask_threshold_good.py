import torch
from torch import nn

torch.manual_seed(0)


class MaskedDenoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.masker = nn.Conv2d(1, 1, 3, padding=1)
        self.restore = nn.Conv2d(1, 1, 3, padding=1)

    def forward(self, x):
        m = torch.sigmoid(self.masker(x))
        return m * self.restore(x) + (1 - m) * x


model = MaskedDenoiser()
opt = torch.optim.Adam(model.parameters(), lr=1e-3)
for step in range(4):
    clean = torch.rand(3, 1, 12, 12)
    noisy = clean + 0.2 * torch.randn_like(clean)
    loss = nn.functional.l1_loss(model(noisy), clean)
    opt.zero_grad()
    loss.backward()
    opt.step()
