import torch
from torch import nn

torch.manual_seed(0)


class Pretrained(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.GRU(4, 12, batch_first=True)
        self.mlm_head = nn.Linear(12, 30)
        self.cls_head = nn.Linear(12, 2)

    def forward(self, x, task="cls"):
        h, _ = self.encoder(x)
        return self.cls_head(h[:, -1]) if task == "cls" else self.mlm_head(h)


model = Pretrained()
model.mlm_head.requires_grad_(False)
params = [p for n, p in model.named_parameters() if not n.startswith("mlm_head")]
opt = torch.optim.Adam(params, lr=1e-3)
for step in range(4):
    x, y = torch.randn(8, 5, 4), torch.randint(0, 2, (8,))
    loss = nn.functional.cross_entropy(model(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
