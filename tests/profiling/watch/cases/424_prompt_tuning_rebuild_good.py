import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class PromptTuned(nn.Module):
    """Frozen encoder, learned soft prompt and a fresh classification head."""

    def __init__(self, vocab=40, d=16, n_prompt=4, classes=3):
        super().__init__()
        self.embed = nn.Embedding(vocab, d)
        layer = nn.TransformerEncoderLayer(d, 2, 32, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        for p in [*self.embed.parameters(), *self.encoder.parameters()]:
            p.requires_grad = False
        self.prompt = nn.Parameter(self.embed.weight[:n_prompt].clone())
        self.head = nn.Linear(d, classes)

    def forward(self, ids):
        tok = self.embed(ids)
        prompt = self.prompt.unsqueeze(0).repeat(ids.size(0), 1, 1)
        h = self.encoder(torch.cat([prompt, tok], dim=1))
        return self.head(h[:, : self.prompt.size(0)].mean(1))


model = PromptTuned()
optimizer = torch.optim.AdamW(filter(lambda p: p.requires_grad, model.parameters()), lr=0.3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10)
for step in range(3):
    ids, labels = torch.randint(0, 40, (6, 10)), torch.randint(0, 3, (6,))
    loss = F.cross_entropy(model(ids), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
