import torch, numpy as np
from torch import nn
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
opt = torch.optim.SGD(model.parameters(), lr=0.1)
buf = np.zeros((8, 4), dtype=np.float32)
x = torch.from_numpy(buf)
for step in range(3):
    buf[:] = np.random.rand(8, 4)
    loss = model(x).pow(2).mean()
    buf[:] = np.random.rand(8, 4)
    opt.zero_grad(); loss.backward(); opt.step()
