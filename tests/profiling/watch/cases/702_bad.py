import torch
from torch import nn
from functools import cached_property
torch.manual_seed(0)
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(10, 4)
        self.proj = nn.Linear(4, 4)
        self.out = nn.Linear(4, 1)
    @cached_property
    def table(self):
        return self.proj(self.emb.weight)
    def forward(self, i):
        return self.out(self.table[i].tanh())
model = Net()
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(3):
    i = torch.randint(0, 10, (6,))
    loss = model(i).pow(2).mean()
    opt.zero_grad(); loss.backward(); opt.step()
