import torch
from torch import nn

torch.manual_seed(0)


class SimpleRNN(nn.Module):
    def __init__(self, d_in=3, d_h=8):
        super().__init__()
        self.wx = nn.Linear(d_in, d_h)
        self.wh = nn.Linear(d_h, d_h)
        self.out = nn.Linear(d_h, 1)
        self.d_h = d_h

    def forward(self, x):
        hs = [torch.zeros(x.size(0), self.d_h)]
        for t in range(x.size(1)):
            hs.append(torch.tanh(self.wx(x[:, t]) + self.wh(hs[t])))
        return self.out(hs[-1])


rnn = SimpleRNN()
opt = torch.optim.Adam(rnn.parameters(), lr=1e-3)
for it in range(3):
    x, y = torch.randn(6, 5, 3), torch.randn(6, 1)
    loss = (rnn(x) - y).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
