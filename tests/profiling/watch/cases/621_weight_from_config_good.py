import torch
from torch import nn

CONFIG = """
lr: 0.01
loss: {ce: 1.0, aux: 0.4}
"""


def parse(text):
    cfg = {}
    for line in text.strip().splitlines():
        k, v = line.split(":", 1)
        if v.strip().startswith("{"):
            v = dict((a.strip(), float(b)) for a, b in (p.split(":") for p in v.strip(" {}").split(",")))
        cfg[k] = v
    return cfg


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head, self.aux = nn.Linear(6, 6), nn.Linear(6, 3), nn.Linear(6, 1)

    def forward(self, x):
        h = self.body(x).tanh()
        return {"ce": self.head(h), "aux": self.aux(h)}


cfg = parse(CONFIG)
torch.manual_seed(0)
model = Net()
opt = torch.optim.Adam(model.parameters(), lr=float(cfg["lr"]))
criteria = {"ce": nn.CrossEntropyLoss(), "aux": lambda p, t: (p.squeeze(1) - t.float()).abs().mean()}
for _ in range(5):
    x, y = torch.randn(8, 6), torch.randint(0, 3, (8,))
    out = model(x)
    loss = sum(cfg["loss"][k] * criteria[k](out[k], y) for k in out)
    opt.zero_grad()
    loss.backward()
    opt.step()
