import copy

import torch
from torch import nn


class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Linear(4, 16)
        self.policy = nn.Linear(16, 3)
        self.value = nn.Linear(16, 1)

    def forward(self, x):
        h = torch.tanh(self.trunk(x))
        return self.policy(h).log_softmax(-1), self.value(h).squeeze(-1)


def main():
    torch.manual_seed(0)
    model = ActorCritic()
    old = copy.deepcopy(model)
    opt = torch.optim.Adam(model.parameters(), lr=3e-4)
    states, actions = torch.randn(32, 4), torch.randint(3, (32,))
    returns, advantages = torch.randn(32), torch.randn(32)
    for epoch in range(3):
        logp, values = model(states)
        with torch.no_grad():
            old_logp, _ = old(states)
        ratio = (logp.gather(1, actions[:, None]) - old_logp.gather(1, actions[:, None])).exp()[:, 0]
        clipped = ratio.clamp(0.8, 1.2)
        policy_loss = -torch.min(ratio * advantages, clipped * advantages).mean()
        loss = policy_loss + 0.5 * (values - returns).pow(2).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
    return model


model = main()
