import torch
from torch import nn

torch.manual_seed(0)


class Memory(nn.Module):
    def __init__(self, slots=6, dim=5):
        super().__init__()
        self.keys = nn.Parameter(torch.randn(slots, dim))
        self.write = nn.Linear(dim, dim)
        self.read = nn.Linear(dim, 1)

    def forward(self, seq):
        memory = torch.zeros(self.keys.shape)
        outputs = []
        for x in seq:
            attention = (self.keys @ x).softmax(0)
            gate = torch.sigmoid(self.write(x))
            outputs.append(self.read((attention[:, None] * memory).sum(0) * gate))
            memory += attention[:, None] * gate
        return torch.stack(outputs)


net = Memory()
opt = torch.optim.Adam(net.parameters())
for _ in range(2):
    seq = torch.randn(7, 5)
    loss = (net(seq) - seq.sum(1, keepdim=True)).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
