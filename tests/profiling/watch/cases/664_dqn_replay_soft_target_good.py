import collections, copy, random
import torch
from torch import nn

torch.manual_seed(0); random.seed(0)
Transition = collections.namedtuple("Transition", "s a r s2 done")
q = nn.Sequential(nn.Linear(4, 16), nn.ReLU(inplace=True), nn.Linear(16, 3))
target = copy.deepcopy(q).eval()
opt = torch.optim.RMSprop(q.parameters(), lr=1e-3)
memory = collections.deque(maxlen=50)
s = torch.randn(4)
for t in range(40):
    if random.random() < 0.2:
        a = random.randrange(3)
    else:
        a = q(s).argmax().item()
    s2, r = torch.randn(4), float(s[a % 4])
    memory.append(Transition(s, a, r, s2, t % 10 == 9))
    s = s2
    if len(memory) < 8:
        continue
    batch = Transition(*zip(*random.sample(list(memory), 8)))
    S, S2 = torch.stack(batch.s), torch.stack(batch.s2)
    A, R = torch.tensor(batch.a), torch.tensor(batch.r)
    D = torch.tensor(batch.done, dtype=torch.float32)
    y = R + 0.99 * (1 - D) * target(S2).max(1).values.detach()
    loss = nn.functional.smooth_l1_loss(q(S).gather(1, A[:, None]).squeeze(1), y)
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_value_(q.parameters(), 1.0)
    opt.step()
    for tp, p in zip(target.parameters(), q.parameters()):
        tp.data.mul_(0.99).add_(0.01 * p.data)
