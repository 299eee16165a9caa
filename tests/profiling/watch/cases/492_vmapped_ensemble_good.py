import copy
import torch
from torch import nn
import torch.nn.functional as F
from torch.func import functional_call, stack_module_state, vmap

torch.manual_seed(0)


def make():
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 1))


def init_ensemble(n):
    members = [make() for _ in range(n)]
    params, buffers = stack_module_state(members)
    skeleton = copy.deepcopy(members[0]).to("meta").requires_grad_(False)
    return params, buffers, skeleton


params, buffers, skeleton = init_ensemble(4)


def predict(x):
    call = lambda p, b, x: functional_call(skeleton, (p, b), (x,))
    return vmap(call, in_dims=(0, 0, None))(params, buffers, x)


opt = torch.optim.Adam(params.values(), lr=1e-2)
for step in range(3):
    x = torch.randn(20, 6)
    y = x.sum(1, keepdim=True).sin()
    loss = F.mse_loss(predict(x), y.expand(4, -1, -1))
    opt.zero_grad()
    loss.backward()
    opt.step()
with torch.no_grad():
    spread = predict(x).std(0).mean()
