import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
rnn = nn.LSTM(6, 12, batch_first=True)
readout = nn.Linear(12, 6)
optimizer = torch.optim.Adam([*rnn.parameters(), *readout.parameters()], lr=1e-2)
series = torch.randn(4, 50, 6).cumsum(dim=1)
state = None

for start in range(0, 40, 10):
    window = series[:, start : start + 10]
    target = series[:, start + 1 : start + 11]
    output, state = rnn(window, state)
    loss = F.mse_loss(readout(output), target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
