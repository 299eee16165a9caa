import torch
from torch import nn

torch.manual_seed(0)


class MemoryReader(nn.Module):
    def __init__(self, slots=10, width=6):
        super().__init__()
        self.slots = slots
        self.pointer = nn.Linear(5, 1)
        self.memory = nn.Parameter(torch.randn(slots, width))
        self.readout = nn.Linear(width, 1)

    def forward(self, query):
        pos = torch.sigmoid(self.pointer(query)).squeeze(1) * (self.slots - 1)
        cell = self.memory[pos.long()]
        return self.readout(cell)


reader = MemoryReader()
opt = torch.optim.Adam(reader.parameters(), lr=1e-2)
for i in range(4):
    q, t = torch.randn(40, 5), torch.randn(40, 1)
    opt.zero_grad()
    loss = (reader(q) - t).square().mean()
    loss.backward()
    opt.step()
