import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class SharedBottom(nn.Module):
    """Click and purchase prediction over the same features."""

    def __init__(self, fields=(20, 15, 10), d=6):
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(n, d) for n in fields)
        self.bottom = nn.Sequential(nn.Linear(d * len(fields), 24), nn.ReLU(), nn.Linear(24, 16), nn.ReLU())
        self.click, self.buy = nn.Linear(16, 1), nn.Linear(16, 1)

    def forward(self, x):
        h = torch.cat([t(x[:, i]) for i, t in enumerate(self.tables)], dim=1)
        h = self.bottom(h)
        return self.click(h).squeeze(1), self.buy(h).squeeze(1)


model = SharedBottom()
optimizer = torch.optim.Adagrad(model.parameters(), lr=0.05)


def batches(n, size=32):
    for _ in range(n):
        x = torch.stack([torch.randint(0, k, (size,)) for k in (20, 15, 10)], dim=1)
        click = (torch.rand(size) < 0.4).float()
        yield x, click, click * (torch.rand(size) < 0.5).float()


for x, click, buy in batches(3):
    click_logit, buy_logit = model(x)
    loss_click = F.binary_cross_entropy_with_logits(click_logit, click)
    loss_buy = F.binary_cross_entropy_with_logits(buy_logit, buy, pos_weight=torch.tensor(4.0))
    optimizer.zero_grad()
    (loss_click + loss_buy).backward()
    optimizer.step()
