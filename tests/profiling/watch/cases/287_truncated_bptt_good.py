import torch
from torch import nn

torch.manual_seed(0)


class CharRNN(nn.Module):
    def __init__(self, vocab=20, h=16):
        super().__init__()
        self.emb = nn.Embedding(vocab, h)
        self.lstm = nn.LSTM(h, h, batch_first=True)
        self.out = nn.Linear(h, vocab)

    def forward(self, x, state=None):
        y, state = self.lstm(self.emb(x), state)
        return self.out(y), state


net = CharRNN()
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
text = torch.randint(0, 20, (4, 41))
state = None
for i in range(0, 40, 8):
    if state is not None:
        state = tuple(s.detach() for s in state)
    logits, state = net(text[:, i : i + 8], state)
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), text[:, i + 1 : i + 9].flatten())
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 0.25)
    opt.step()
