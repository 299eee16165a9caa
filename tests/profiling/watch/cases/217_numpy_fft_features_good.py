import numpy as np
import torch
import torch.nn as nn

torch.manual_seed(0)


class Spectral(nn.Module):
    def forward(self, x):
        return torch.fft.rfft(x, dim=-1).abs()


front = nn.Conv1d(1, 4, 5, padding=2)
back = nn.Sequential(Spectral(), nn.Flatten(), nn.Linear(4 * 17, 10))
optim = torch.optim.RMSprop([{"params": front.parameters()}, {"params": back.parameters()}], lr=1e-3)
for i in range(3):
    wave, label = torch.randn(6, 1, 32), torch.randint(0, 10, (6,))
    optim.zero_grad()
    loss = nn.functional.cross_entropy(back(front(wave)), label)
    loss.backward()
    optim.step()
