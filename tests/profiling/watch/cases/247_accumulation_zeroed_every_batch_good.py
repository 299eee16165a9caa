import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(7, 14), nn.ReLU(), nn.Linear(14, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
loader = DataLoader(TensorDataset(torch.randn(64, 7), torch.randint(0, 2, (64,))), batch_size=8, shuffle=True)
accum = 4
optimizer.zero_grad()
for i, (x, y) in enumerate(loader, start=1):
    loss = nn.functional.cross_entropy(model(x), y) / accum
    loss.backward()
    if i % accum == 0:
        optimizer.step()
        model.zero_grad()
