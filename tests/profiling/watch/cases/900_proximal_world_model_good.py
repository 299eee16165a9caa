import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
encoder = nn.Linear(6, 8)
dynamics = nn.GRUCell(8 + 2, 8)
reward_head = nn.Linear(8, 1)
decoder = nn.Linear(8, 6)
modules = nn.ModuleDict(dict(dynamics=dynamics, reward=reward_head, decoder=decoder, encoder=encoder))
optim = torch.optim.AdamW(modules.parameters(), 1e-3)


def imagine(first, actions):
    state = F.elu(encoder(first))
    states = []
    for action in actions.unbind(1):
        state = dynamics(torch.cat([state, action], -1), state)
        states.append(state)
    return torch.stack(states, 1)


for it in range(3):
    obs, act, rew = torch.randn(4, 5, 6), torch.randn(4, 5, 2), torch.randn(4, 5)
    latents = imagine(obs[:, 0], act)
    loss = F.mse_loss(decoder(latents), obs) + F.mse_loss(reward_head(latents).squeeze(-1), rew)
    optim.zero_grad(set_to_none=True)
    loss.backward()
    optim.step()
