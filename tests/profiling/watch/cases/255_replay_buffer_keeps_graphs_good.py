import random
from collections import deque
import torch
from torch import nn

torch.manual_seed(0)
random.seed(0)
encoder = nn.Linear(5, 8)
q_net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))
opt = torch.optim.Adam([*encoder.parameters(), *q_net.parameters()], lr=1e-3)
memory = deque(maxlen=1000)
obs = torch.randn(5)

for t in range(16):
    q = q_net(torch.tanh(encoder(obs)))
    action = int(q.argmax())
    next_obs = torch.randn(5)
    memory.append((obs, q.detach(), action, random.random(), next_obs))
    obs = next_obs
    batch = random.sample(list(memory), min(4, len(memory)))
    s = torch.stack([b[0] for b in batch])
    a = torch.tensor([b[2] for b in batch]).unsqueeze(1)
    r = torch.tensor([b[3] for b in batch])
    with torch.no_grad():
        target = r + 0.9 * q_net(torch.tanh(encoder(torch.stack([b[4] for b in batch])))).max(1).values
    loss = nn.functional.mse_loss(q_net(torch.tanh(encoder(s))).gather(1, a).squeeze(1), target)
    opt.zero_grad()
    loss.backward()
    opt.step()
