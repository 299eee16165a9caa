import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
opt = torch.optim.SGD(net.parameters(), lr=0.1)
val = [(torch.randn(6, 4), torch.randint(0, 2, (6,))) for _ in range(2)]


def evaluate():
    net.eval()
    correct = total = 0
    losses = []
    for x, y in val:
        out = net(x)
        losses.append(nn.functional.cross_entropy(out, y))
        correct += (out.argmax(1) == y).sum().item()
        total += len(y)
    net.train()
    return correct / total, torch.stack(losses).mean().item()


for epoch in range(4):
    for _ in range(3):
        x = torch.randn(8, 4)
        loss = nn.functional.cross_entropy(net(x), (x[:, 0] > 0).long())
        opt.zero_grad()
        loss.backward()
        opt.step()
    acc, vl = evaluate()
    print(f"{epoch} {acc:.2f} {vl:.3f}")
