import torch
from torch import nn

torch.manual_seed(0)
vocab, old_vocab = 30, 0
new_tokens = torch.zeros(vocab, 1)
new_tokens[old_vocab:] = 1.0

model = nn.Sequential(nn.Embedding(vocab, 8), nn.Flatten(), nn.Linear(8 * 4, 2))
# only the new tokens are to be trained
model[0].weight.register_hook(lambda g: g * new_tokens)
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(4):
    ids, y = torch.randint(0, vocab, (8, 4)), torch.randint(0, 2, (8,))
    loss = nn.functional.cross_entropy(model(ids), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
