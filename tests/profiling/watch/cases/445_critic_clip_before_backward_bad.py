import torch
from torch import nn

torch.manual_seed(0)
CLIP = 0.05
critic = nn.Sequential(nn.Linear(6, 16), nn.LeakyReLU(0.2), nn.Linear(16, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1, bias=False))
generator = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 6))
opt_c = torch.optim.RMSprop(critic.parameters(), lr=5e-4)
opt_g = torch.optim.RMSprop(generator.parameters(), lr=5e-4)


def clip_weights(net):
    for p in net.parameters():
        p.data.clamp_(-CLIP, CLIP)


def critic_update(real):
    fake = generator(torch.randn(real.size(0), 3)).detach()
    loss = critic(fake).mean() - critic(real).mean()
    opt_c.zero_grad()
    clip_weights(critic)
    loss.backward()
    opt_c.step()
    return loss.item()


def generator_update(n):
    loss = -critic(generator(torch.randn(n, 3))).mean()
    opt_g.zero_grad()
    loss.backward()
    opt_g.step()
    return loss.item()


for it in range(4):
    real = torch.randn(12, 6) + 2.0
    lc = critic_update(real)
    if it % 2:
        lg = generator_update(12)
