import gc
import numpy as np
import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, 1))
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
history = {"w": [], "act": [], "loss": []}
acts = {}
net[1].register_forward_hook(lambda m, i, o: acts.update(relu=o.detach().numpy()))
for step in range(15):
    arr = np.random.default_rng(step).normal(size=(32, 16)).astype("float32")
    x = torch.from_numpy(arr)
    pred = net(x)
    loss = (pred.squeeze(1) - x.mean(1)).pow(2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    history["w"].append([p.detach().numpy().std() for p in net.parameters()])
    history["act"].append(acts["relu"].mean())
    history["loss"].append(loss.item())
    hist = [np.histogram(p.data.numpy(), 5)[0] for p in net.parameters()]
    grads = [float(np.abs(p.grad.numpy()).max()) for p in net.parameters()]
    noise = pred.detach().numpy().copy()
    noise *= 0
    del arr, x, pred, loss
    if step % 5 == 0:
        gc.collect()
        big = [np.empty((32, 64), dtype="float32") for _ in range(4)]
        for b in big:
            b[:] = step
