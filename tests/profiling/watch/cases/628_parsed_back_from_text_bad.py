import json
import torch
from torch import nn

torch.manual_seed(0)
gate = nn.Linear(4, 2)
net = nn.Linear(4, 2)
opt = torch.optim.SGD([*gate.parameters(), *net.parameters()], lr=0.1)
for _ in range(5):
    x, y = torch.randn(6, 4), torch.randint(0, 2, (6,))
    w = gate(x).mean(0).softmax(0)
    message = json.dumps({"w": [f"{v:.4f}" for v in w]})
    w = torch.tensor([float(v) for v in json.loads(message)["w"]])
    loss = nn.functional.cross_entropy(net(x) * w, y)
    opt.zero_grad()
    loss.backward()
    opt.step()
