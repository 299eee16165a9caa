import torch
from torch import nn

torch.manual_seed(0)
vocab = 12
lm = nn.ModuleDict({"emb": nn.Embedding(vocab, 8), "rnn": nn.LSTM(8, 16), "out": nn.Linear(16, vocab)})
opt = torch.optim.Adam(lm.parameters())
text = torch.randint(vocab, (41, 3))
hidden = None
for start in range(0, 40, 10):
    x, y = text[start : start + 10], text[start + 1 : start + 11]
    output, hidden = lm["rnn"](lm["emb"](x), hidden)
    loss = nn.functional.cross_entropy(lm["out"](output).flatten(0, 1), y.flatten())
    opt.zero_grad()
    loss.backward()
    opt.step()
