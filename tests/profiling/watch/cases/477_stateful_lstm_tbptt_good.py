import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class StatefulLM(nn.Module):
    def __init__(self, vocab=18, d=16):
        super().__init__()
        self.emb = nn.Embedding(vocab, d)
        self.cell = nn.LSTMCell(d, d)
        self.out = nn.Linear(d, vocab)
        self.h0, self.c0 = nn.Parameter(torch.zeros(d)), nn.Parameter(torch.zeros(d))
        self.state = None

    def reset(self, batch):
        self.state = (self.h0.expand(batch, -1), self.c0.expand(batch, -1))

    def forward(self, x):
        logits = []
        for t in range(x.size(1)):
            self.state = self.cell(self.emb(x[:, t]), self.state)
            logits.append(self.out(self.state[0]))
        return torch.stack(logits, 1)

    def cut(self):
        self.state = tuple(s.detach() for s in self.state)


lm = StatefulLM()
opt = torch.optim.Adam(lm.parameters(), 3e-3)
for doc in range(2):
    text = torch.randint(0, 18, (4, 25))
    lm.reset(4)
    for t in range(0, 24, 6):
        loss = F.cross_entropy(lm(text[:, t:t + 6]).transpose(1, 2), text[:, t + 1:t + 7])
        opt.zero_grad()
        loss.backward()
        opt.step()
        lm.cut()
