import torch
from torch import nn

torch.manual_seed(0)
clf = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.Adam(clf.parameters(), lr=0.01)
X, y = torch.randn(90, 4), torch.randint(0, 3, (90,))

for epoch in range(5):
    out = clf(X)
    pred = torch.argmax(out, dim=1)
    loss = 1 - (pred == y).float().mean()
    loss.requires_grad = True
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
