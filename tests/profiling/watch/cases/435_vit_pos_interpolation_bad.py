import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class TinyViT(nn.Module):
    def __init__(self, image=16, patch=4, d=24, depth=2, classes=5):
        super().__init__()
        self.grid = image // patch
        self.patch_embed = nn.Conv2d(3, d, patch, stride=patch)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, d))
        self.pos_embed = nn.Parameter(torch.randn(1, 1 + self.grid ** 2, d) * 0.02)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(d, 2, 48, dropout=0.0, batch_first=True, norm_first=True) for _ in range(depth)
        )
        self.norm = nn.LayerNorm(d)
        self.head = nn.Linear(d, classes)

    def interpolated_pos(self, h, w):
        with torch.no_grad():
            cls_pos, grid_pos = self.pos_embed[:, :1], self.pos_embed[:, 1:]
            grid_pos = grid_pos.reshape(1, self.grid, self.grid, -1).permute(0, 3, 1, 2)
            grid_pos = F.interpolate(grid_pos, size=(h, w), mode="bicubic", align_corners=False)
            return torch.cat([cls_pos, grid_pos.flatten(2).transpose(1, 2)], dim=1)

    def forward(self, x):
        x = self.patch_embed(x)
        h, w = x.shape[-2:]
        x = torch.cat([self.cls_token.expand(x.size(0), -1, -1), x.flatten(2).transpose(1, 2)], dim=1)
        x = x + self.interpolated_pos(h, w)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x[:, 0]))


vit = TinyViT()
opt = torch.optim.AdamW(vit.parameters(), lr=1e-3, weight_decay=0.05)
for size in (16, 24, 24):  # multi-resolution training
    images, labels = torch.randn(4, 3, size, size), torch.randint(0, 5, (4,))
    loss = F.cross_entropy(vit(images), labels)
    opt.zero_grad()
    loss.backward()
    opt.step()
