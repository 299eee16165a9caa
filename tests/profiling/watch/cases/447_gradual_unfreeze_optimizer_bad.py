import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class TextClassifier(nn.Module):
    def __init__(self, vocab=50, d=16, classes=3):
        super().__init__()
        self.emb = nn.Embedding(vocab, d)
        self.layers = nn.ModuleList(nn.Sequential(nn.Linear(d, d), nn.LayerNorm(d), nn.GELU()) for _ in range(3))
        self.fc = nn.Linear(d, classes)

    def forward(self, ids):
        h = self.emb(ids).mean(1)
        for layer in self.layers:
            h = h + layer(h)
        return self.fc(h)


def unfreeze_top(model, n):
    """ULMFiT: one more layer from the top takes part every epoch."""
    for layer in list(model.layers)[len(model.layers) - n:]:
        for p in layer.parameters():
            p.requires_grad_(True)


model = TextClassifier()
model.emb.requires_grad_(False)
model.layers.requires_grad_(False)
optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-3)
for epoch in range(3):
    unfreeze_top(model, epoch)
    for _ in range(2):
        ids, y = torch.randint(0, 50, (8, 7)), torch.randint(0, 3, (8,))
        loss = F.cross_entropy(model(ids), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    print(f"epoch {epoch}: {trainable} trainable parameters, loss {loss.item():.3f}")
