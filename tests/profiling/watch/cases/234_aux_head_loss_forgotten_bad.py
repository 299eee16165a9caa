import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class Segmenter(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Conv2d(3, 8, 3, padding=1)
        self.aux = nn.Conv2d(8, 2, 1)
        self.dec = nn.Conv2d(8, 2, 3, padding=1)

    def forward(self, x):
        h = F.relu(self.enc(x))
        return {"out": self.dec(h), "aux": self.aux(h)}


model = Segmenter()
opt = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
for step in range(4):
    img, mask = torch.rand(2, 3, 8, 8), torch.randint(0, 2, (2, 8, 8))
    out = model(img)
    main_loss = F.cross_entropy(out["out"], mask)
    aux_loss = F.cross_entropy(out["aux"], mask)
    loss = main_loss
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 2 == 0:
        print(f"main {main_loss.item():.3f} aux {aux_loss.item():.3f}")
