import random
from collections import deque
import numpy as np
import torch
from torch import nn

random.seed(0)
torch.manual_seed(0)
q_net, target_net = (nn.Sequential(nn.Linear(4, 24), nn.ReLU(), nn.Linear(24, 2)) for _ in range(2))
target_net.load_state_dict(q_net.state_dict())
optimizer = torch.optim.Adam(q_net.parameters(), lr=1e-3)
buffer = deque(maxlen=200)
state = np.zeros(4, dtype=np.float32)
for t in range(20):
    with torch.no_grad():
        action = q_net(torch.from_numpy(state)).argmax().item() if random.random() > 0.1 else random.randrange(2)
    nxt = np.random.default_rng(t).standard_normal(4).astype(np.float32)
    buffer.append((state, action, random.random(), nxt))
    state = nxt
    if len(buffer) < 8:
        continue
    s, a, r, s2 = zip(*random.sample(list(buffer), 8))
    s, s2 = torch.from_numpy(np.stack(s)), torch.from_numpy(np.stack(s2))
    q = q_net(s).gather(1, torch.tensor(a).unsqueeze(1)).squeeze(1)
    with torch.no_grad():
        y = torch.tensor(r) + 0.99 * target_net(s2).max(dim=1).values
    loss = nn.functional.smooth_l1_loss(q, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if t % 5 == 0:
        target_net.load_state_dict(q_net.state_dict())
