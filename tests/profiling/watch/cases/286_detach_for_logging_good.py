import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(5, 10), nn.Tanh(), nn.Linear(10, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
logs = {"loss": [], "acc": [], "conf": [], "hidden": []}
model[1].register_forward_hook(lambda m, i, o: logs["hidden"].append(o.detach().abs().mean()))
for step in range(8):
    x, y = torch.randn(20, 5), torch.randint(0, 3, (20,))
    logits = model(x)
    loss = nn.functional.cross_entropy(logits, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    logs["loss"].append(loss.detach())
    logs["acc"].append((logits.argmax(-1) == y).float().mean().item())
    logs["conf"].append(logits.data.softmax(-1).max(-1).values.numpy().mean())
avg = torch.stack(logs["loss"]).mean().item()
print(f"{avg:.3f} {sum(logs['acc']) / 8:.3f}")
