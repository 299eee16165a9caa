import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class MixerBlock(nn.Module):
    def __init__(self, tokens, d):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.token_mlp = nn.Sequential(nn.Linear(tokens, 16), nn.GELU(), nn.Linear(16, tokens))
        self.channel_mlp = nn.Sequential(nn.Linear(d, 32), nn.GELU(), nn.Linear(32, d))

    def forward(self, x):
        x = x + self.token_mlp(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        return x + self.channel_mlp(self.norm2(x))


class Mixer(nn.Module):
    def __init__(self, tokens=9, d=20, classes=4):
        super().__init__()
        self.stem = nn.Linear(12, d)
        self.blocks = nn.ModuleList(MixerBlock(tokens, d) for _ in range(2))
        self.ln_f = nn.LayerNorm(d)
        self.head = nn.Linear(d, classes)

    def forward(self, x):
        x = self.stem(x)
        for b in self.blocks:
            x = b(x)
        return self.head(self.ln_f(x).mean(1))


def configure_optimizer(model, lr=1e-3, weight_decay=0.1):
    decay, no_decay = [], []
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear):
            decay.append(module.weight)
            no_decay.append(module.bias)
    groups = [{"params": decay, "weight_decay": weight_decay}, {"params": no_decay, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.95))


model = Mixer()
optimizer = configure_optimizer(model)
for step in range(3):
    x, y = torch.randn(8, 9, 12), torch.randint(0, 4, (8,))
    loss = F.cross_entropy(model(x), y)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
