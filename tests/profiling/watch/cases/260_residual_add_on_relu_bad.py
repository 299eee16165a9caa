import torch
import torch.nn as nn

torch.manual_seed(0)


class ResBlock(nn.Module):
    def __init__(self, ch):
        super().__init__()
        self.conv1 = nn.Conv2d(ch, ch, 3, padding=1)
        self.conv2 = nn.Conv2d(ch, ch, 3, padding=1)
        self.act = nn.ReLU()

    def forward(self, x):
        out = self.conv1(x)
        out = self.act(self.conv2(self.act(out)))
        out += x
        return out


model = nn.Sequential(nn.Conv2d(1, 4, 3), ResBlock(4), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
optimizer = torch.optim.Adam(model.parameters())
for epoch in range(3):
    inputs, targets = torch.rand(4, 1, 9, 9), torch.randint(0, 2, (4,))
    optimizer.zero_grad()
    outputs = model(inputs)
    loss = nn.functional.cross_entropy(outputs, targets)
    loss.backward()
    optimizer.step()
