import copy
import random
from collections import deque

import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
random.seed(0)


class DuelingQ(nn.Module):
    def __init__(self, obs=4, actions=3):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(obs, 32), nn.ReLU())
        self.value = nn.Linear(32, 1)
        self.advantage = nn.Linear(32, actions)

    def forward(self, x):
        h = self.trunk(x)
        adv = self.advantage(h)
        adv = adv.data - adv.data.mean(dim=1, keepdim=True)
        return self.value(h) + adv


q_net = DuelingQ()
target_net = copy.deepcopy(q_net).requires_grad_(False)
optimizer = torch.optim.RMSprop(q_net.parameters(), lr=1e-3)
memory = deque(maxlen=200)
for _ in range(64):
    memory.append((torch.randn(4), random.randrange(3), random.random(), torch.randn(4), random.random() < 0.1))


def optimize(batch_size=16, gamma=0.99):
    s, a, r, s2, done = zip(*random.sample(memory, batch_size))
    s, s2 = torch.stack(s), torch.stack(s2)
    a, r, done = torch.tensor(a), torch.tensor(r), torch.tensor(done).float()
    q = q_net(s).gather(1, a[:, None]).squeeze(1)
    next_q = target_net(s2).max(1).values
    loss = F.smooth_l1_loss(q, r + gamma * (1 - done) * next_q)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


for step in range(4):
    optimize()
    if step % 2 == 1:
        target_net.load_state_dict(q_net.state_dict())
