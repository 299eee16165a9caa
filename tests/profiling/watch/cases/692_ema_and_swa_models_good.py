import copy
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, SWALR, update_bn

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
opt = torch.optim.SGD(net.parameters(), lr=0.1)
swa, ema = AveragedModel(net), copy.deepcopy(net).requires_grad_(False)
polyak = copy.deepcopy(net)
sched = SWALR(opt, swa_lr=0.05)
loader = [torch.randn(8, 4) for _ in range(3)]
for epoch in range(4):
    for x in loader:
        loss = nn.functional.cross_entropy(net(x), (x[:, 0] > 0).long())
        opt.zero_grad()
        loss.backward()
        opt.step()
        with torch.no_grad():
            for e, p in zip(ema.parameters(), net.parameters()):
                e.lerp_(p, 0.1)
        polyak.load_state_dict({k: 0.9 * v + 0.1 * net.state_dict()[k] if v.is_floating_point() else v for k, v in polyak.state_dict().items()})
    swa.update_parameters(net)
    sched.step()
    print(ema(loader[0]).argmax(1).sum().item(), polyak(loader[0]).argmax(1).sum().item())
update_bn(loader, swa)
print(swa(loader[0]).softmax(1).sum().item())
