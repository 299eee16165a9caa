import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.GroupNorm(2, 4), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(4 * 36, 5))
opt = torch.optim.AdamW(net.parameters(), lr=1e-3, foreach=False)
for it in range(5):
    x, y = torch.randn(4, 1, 8, 8), torch.randint(0, 5, (4,))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = net(x)
        loss = nn.functional.cross_entropy(out.float(), y)
    opt.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    opt.step()
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        net(x).argmax(1).tolist()
