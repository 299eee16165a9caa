import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class QuantLinear(nn.Module):
    def __init__(self, d_in, d_out, bits=4):
        super().__init__()
        self.weight_fp = nn.Parameter(torch.randn(d_out, d_in) / d_in ** 0.5)
        self.bias = nn.Parameter(torch.zeros(d_out))
        self.qmax = 2 ** (bits - 1) - 1

    def fake_quant(self, w):
        scale = w.detach().abs().max() / self.qmax
        q = torch.round(w / scale)
        return q.clamp(-self.qmax - 1, self.qmax) * scale

    def forward(self, x):
        return F.linear(x, self.fake_quant(self.weight_fp), self.bias)


class QuantMLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = QuantLinear(12, 24), QuantLinear(24, 4)
        self.norm = nn.LayerNorm(24)

    def forward(self, x):
        return self.fc2(F.relu(self.norm(self.fc1(x))))


model = QuantMLP()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, weight_decay=1e-4)
losses = []
for epoch in range(3):
    x, y = torch.randn(20, 12), torch.randint(0, 4, (20,))
    loss = F.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
