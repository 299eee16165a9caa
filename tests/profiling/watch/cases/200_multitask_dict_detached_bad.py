import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)


class MultiTask(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(10, 24), nn.GELU())
        self.age = nn.Linear(24, 1)
        self.sex = nn.Linear(24, 2)

    def forward(self, x):
        h = self.trunk(x)
        return {"age": self.age(h), "sex": self.sex(h)}


def compute_losses(out, batch):
    losses = {
        "age": F.smooth_l1_loss(out["age"], batch["age"]),
        "sex": F.cross_entropy(out["sex"], batch["sex"]),
    }
    losses = {k: v.detach() for k, v in losses.items()}
    return sum(losses.values()), losses


model = MultiTask()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for it in range(4):
    batch = {"x": torch.randn(16, 10), "age": torch.rand(16, 1), "sex": torch.randint(0, 2, (16,))}
    total, logs = compute_losses(model(batch["x"]), batch)
    optimizer.zero_grad()
    total.backward()
    optimizer.step()
