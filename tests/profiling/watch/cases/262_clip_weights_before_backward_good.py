import torch
from torch import nn

torch.manual_seed(0)
critic = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 1, bias=False))
optimizer = torch.optim.RMSprop(critic.parameters(), lr=5e-5)
clip = 0.05
for step in range(5):
    real, fake = torch.randn(32, 3) + 1, torch.randn(32, 3)
    loss = critic(fake).mean() - critic(real).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    for p in critic.parameters():
        p.data.clamp_(-clip, clip)
