import torch
from torch import nn

torch.manual_seed(0)


class MiniViT(nn.Module):
    def __init__(self, dim=16, patches=9):
        super().__init__()
        self.patch = nn.Linear(12, dim)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Parameter(torch.randn(1, patches + 1, dim) * 0.02)
        self.block = nn.TransformerEncoderLayer(dim, 2, 32, dropout=0.0, batch_first=True)
        self.head = nn.Linear(dim, 5)

    def forward(self, x):
        tok = self.patch(x)
        tok = self.block(tok)
        return self.head(tok[:, 0])


vit = MiniViT()
opt = torch.optim.AdamW(vit.parameters(), lr=1e-3)
x, y = torch.randn(6, 9, 12), torch.randint(0, 5, (6,))
for step in range(3):
    loss = nn.functional.cross_entropy(vit(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
