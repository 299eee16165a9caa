import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class Block(nn.Module):
    def __init__(self, ch=6):
        super().__init__()
        self.stem = nn.Conv2d(3, ch, 3, padding=1)
        self.conv1 = nn.Conv2d(ch, ch, 3, padding=1)
        self.conv2 = nn.Conv2d(ch, ch, 3, padding=1)
        self.head = nn.Linear(ch, 4)

    def forward(self, x):
        x = F.relu(self.stem(x))
        h = F.relu(self.conv1(x))
        h = self.conv1(h)
        x = F.relu(x + h)
        return self.head(x.mean(dim=(2, 3)))


model = Block()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for i in range(3):
    img, y = torch.randn(4, 3, 8, 8), torch.randint(0, 4, (4,))
    optimizer.zero_grad()
    F.cross_entropy(model(img), y).backward()
    optimizer.step()
