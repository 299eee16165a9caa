# The critic's last bias has a gradient of zero: what it adds to both scores is the same.
import torch
from torch import nn

torch.manual_seed(0)
generator = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 4))
critic = nn.Sequential(nn.Linear(4, 8), nn.LeakyReLU(), nn.Linear(8, 1))
for_generator = torch.optim.RMSprop(generator.parameters(), lr=1e-3)
for_critic = torch.optim.RMSprop(critic.parameters(), lr=1e-3)
for _ in range(4):
    real = torch.rand(8, 4)
    fake = generator(torch.randn(8, 2))
    for_critic.zero_grad()
    (critic(fake.detach()).mean() - critic(real).mean()).backward()
    nn.utils.clip_grad_norm_(critic.parameters(), 0.5)
    for_critic.step()
    for_generator.zero_grad()
    (-critic(fake).mean()).backward()
    for_generator.step()
