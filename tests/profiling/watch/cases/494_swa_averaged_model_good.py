import torch
from torch import nn
import torch.nn.functional as F
from torch.optim.swa_utils import AveragedModel, SWALR, update_bn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 16, bias=False), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
swa_model = AveragedModel(model)
swa_scheduler = SWALR(optimizer, swa_lr=0.02, anneal_epochs=2)
loader = [(torch.randn(16, 8), torch.randint(0, 3, (16,))) for _ in range(4)]
for epoch in range(4):
    for x, y in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    if epoch >= 1:
        swa_model.update_parameters(model)
        swa_scheduler.step()
update_bn([x for x, _ in loader], swa_model)
swa_model.eval()
with torch.no_grad():
    accuracy = sum((swa_model(x).argmax(1) == y).float().mean().item() for x, y in loader) / len(loader)
print(f"swa accuracy {accuracy:.3f}")
