import torch
from torch import nn

torch.manual_seed(0)


class TextClassifier(nn.Module):
    def __init__(self, vocab):
        super().__init__()
        self.emb = nn.Embedding(vocab, 8)
        self.fc = nn.Linear(8, 2)

    def forward(self, ids):
        return self.fc(self.emb(ids).mean(1))

    def resize_token_embeddings(self, n):
        old = self.emb.weight.data
        self.emb = nn.Embedding(n, old.size(1))
        self.emb.weight.data[: old.size(0)] = old


model = TextClassifier(20)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
model.resize_token_embeddings(24)
for step in range(4):
    ids, y = torch.randint(0, 24, (8, 6)), torch.randint(0, 2, (8,))
    loss = nn.functional.cross_entropy(model(ids), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
