import torch
from torch import nn
import torch.nn.functional as F
from torch.distributions import Categorical

torch.manual_seed(0)
speaker = nn.Linear(8, 12)
listener = nn.Sequential(nn.Embedding(12, 16), nn.Linear(16, 8))
opt = torch.optim.Adam([*speaker.parameters(), *listener.parameters()], lr=1e-3)
for episode in range(4):
    obj = torch.randn(16, 8)
    logits = speaker(obj)
    symbol = Categorical(logits=logits).sample()
    guess = listener(symbol)
    loss = F.mse_loss(guess, obj)
    opt.zero_grad()
    loss.backward()
    opt.step()
