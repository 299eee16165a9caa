import torch
from torch import nn


class TinyViT(nn.Module):
    def __init__(self, dim=16):
        super().__init__()
        self.patch = nn.Conv2d(1, dim, 4, 4)
        self.cls = nn.Parameter(torch.zeros(1, 1, dim))
        self.extra = nn.Linear(dim, dim)
        layer = nn.TransformerEncoderLayer(dim, 2, 32, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.head = nn.Linear(dim, 3)

    def forward(self, images):
        tokens = self.patch(images).flatten(2).transpose(1, 2)
        return self.head(self.encoder(tokens).mean(1))


torch.manual_seed(0)
vit = TinyViT()
opt = torch.optim.AdamW(vit.parameters(), lr=1e-3)
for _ in range(2):
    x, y = torch.randn(4, 1, 8, 8), torch.randint(3, (4,))
    loss = nn.functional.cross_entropy(vit(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
