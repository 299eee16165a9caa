import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
EPOCHS = 4


class JigsawNet(nn.Module):
    """Main classifier plus a rotation-prediction head that is phased in."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 16, 3), nn.ReLU())
        self.class_head = nn.Linear(16, 6)
        self.rotation_head = nn.Linear(16, 4)

    def forward(self, x):
        h = self.conv(x).mean((2, 3))
        return self.class_head(h), self.rotation_head(h)


def aux_weight(epoch):
    return 0.5 * (epoch / EPOCHS)


net = JigsawNet()
opt = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9, nesterov=True)
for epoch in range(EPOCHS):
    for _ in range(2):
        x, y = torch.randn(8, 1, 10, 10), torch.randint(0, 6, (8,))
        k = int(torch.randint(0, 4, ()))
        rot = torch.full((8,), k)
        cls, rot_logits = net(torch.rot90(x, k, (2, 3)))
        loss = F.cross_entropy(cls, y) + aux_weight(epoch) * F.cross_entropy(rot_logits, rot)
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, f"aux weight {aux_weight(epoch):.2f} loss {loss.item():.3f}")
