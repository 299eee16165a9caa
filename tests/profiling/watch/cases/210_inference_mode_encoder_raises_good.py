import torch
from torch import nn

torch.manual_seed(0)
encoder = nn.TransformerEncoderLayer(d_model=16, nhead=2, dim_feedforward=32, batch_first=True)
classifier = nn.Linear(16, 4)
optimizer = torch.optim.AdamW([{"params": encoder.parameters(), "lr": 1e-5}, {"params": classifier.parameters(), "lr": 1e-3}])


def embed(tokens):
    hidden = encoder(tokens)
    return hidden[:, 0]


def step(tokens, labels):
    logits = classifier(embed(tokens))
    loss = nn.functional.cross_entropy(logits, labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


for i in range(3):
    step(torch.randn(8, 5, 16), torch.randint(0, 4, (8,)))
