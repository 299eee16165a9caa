import torch
from torch import nn

torch.manual_seed(0)


class Tagger(nn.Module):
    def __init__(self, words=50, width=12, tags=5):
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.rnn = nn.GRU(width, 24, batch_first=True)
        self.out = nn.Linear(24, tags)

    @torch.no_grad()
    def embed(self, tokens):
        return self.embedding(tokens) * 0.5

    def forward(self, tokens):
        hidden, _ = self.rnn(self.embed(tokens))
        return self.out(hidden)


model = Tagger()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
criterion = nn.CrossEntropyLoss()

for _ in range(3):
    tokens, tags = torch.randint(0, 50, (8, 10)), torch.randint(0, 5, (8, 10))
    optimizer.zero_grad()
    scores = model(tokens)
    loss = criterion(scores.flatten(0, 1), tags.flatten())
    loss.backward()
    optimizer.step()
