import torch
from torch import nn

torch.manual_seed(0)
glove = torch.randn(50, 12)


class Tagger(nn.Module):
    def __init__(self, vectors, n_tags):
        super().__init__()
        self.emb = nn.Embedding.from_pretrained(vectors)
        self.lstm = nn.LSTM(12, 10, bidirectional=True, batch_first=True)
        self.tag = nn.Linear(20, n_tags)

    def forward(self, ids):
        out, _ = self.lstm(self.emb(ids))
        return self.tag(out)


tagger = Tagger(glove, 4)
optimizer = torch.optim.Adam(tagger.parameters(), lr=1e-3)
ids, tags = torch.randint(0, 50, (6, 9)), torch.randint(0, 4, (6, 9))
for epoch in range(3):
    loss = nn.functional.cross_entropy(tagger(ids).transpose(1, 2), tags)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
