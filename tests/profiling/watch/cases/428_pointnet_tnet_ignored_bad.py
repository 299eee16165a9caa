import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class TNet(nn.Module):
    def __init__(self, k=3):
        super().__init__()
        self.k = k
        self.mlp = nn.Sequential(nn.Conv1d(k, 16, 1), nn.ReLU(), nn.Conv1d(16, 32, 1))
        self.fc = nn.Linear(32, k * k)
        nn.init.normal_(self.fc.weight, std=1e-2)

    def forward(self, pts):
        h = self.mlp(pts).amax(dim=2)
        return self.fc(h).view(-1, self.k, self.k) + torch.eye(self.k)


class PointNet(nn.Module):
    def __init__(self, classes=5):
        super().__init__()
        self.tnet = TNet(3)
        self.mlp = nn.Sequential(nn.Conv1d(3, 16, 1), nn.ReLU(), nn.Conv1d(16, 32, 1), nn.ReLU())
        self.cls = nn.Linear(32, classes)

    def forward(self, pts):
        trans = self.tnet(pts)
        aligned = torch.bmm(trans, pts)
        feat = self.mlp(pts).amax(dim=2)
        return self.cls(feat)


def accuracy(logits, y):
    return (logits.argmax(1) == y).float().mean().item()


model = PointNet()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(3):
    pts, y = torch.randn(6, 3, 40), torch.randint(0, 5, (6,))
    pts = pts - pts.mean(2, keepdim=True)
    logits = model(pts)
    loss = F.cross_entropy(logits, y, label_smoothing=0.1)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(epoch, loss.item(), accuracy(logits, y))
