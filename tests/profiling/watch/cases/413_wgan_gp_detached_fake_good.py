import torch
from torch import nn

torch.manual_seed(0)
Z, LAMBDA, N_CRITIC = 6, 10.0, 2
generator = nn.Sequential(nn.Linear(Z, 24), nn.ReLU(), nn.Linear(24, 10), nn.Tanh())
critic = nn.Sequential(nn.Linear(10, 24), nn.LeakyReLU(0.2), nn.Linear(24, 1, bias=False))
opt_g = torch.optim.Adam(generator.parameters(), lr=1e-4, betas=(0.0, 0.9))
opt_c = torch.optim.Adam(critic.parameters(), lr=1e-4, betas=(0.0, 0.9))


def sample_fake(n):
    z = torch.randn(n, Z)
    return generator(z)


def gradient_penalty(real, fake):
    eps = torch.rand(real.size(0), 1)
    mix = (eps * real + (1 - eps) * fake).requires_grad_(True)
    score = critic(mix)
    grad, = torch.autograd.grad(score.sum(), mix, create_graph=True)
    return (grad.norm(2, dim=1) - 1).square().mean()


def critic_step(real):
    fake = sample_fake(real.size(0)).detach()
    loss = critic(fake).mean() - critic(real).mean() + LAMBDA * gradient_penalty(real, fake)
    opt_c.zero_grad()
    loss.backward()
    opt_c.step()
    return loss.item()


def generator_step(n):
    loss = -critic(sample_fake(n)).mean()
    opt_g.zero_grad()
    loss.backward()
    opt_g.step()
    return loss.item()


for it in range(4):
    real = torch.rand(16, 10) * 2 - 1
    c = critic_step(real)
    if it % N_CRITIC == N_CRITIC - 1:
        g = generator_step(16)
        print(f"[{it}] critic {c:.3f} generator {g:.3f}")
