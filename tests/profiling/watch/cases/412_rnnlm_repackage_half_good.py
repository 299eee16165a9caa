import torch
from torch import nn

torch.manual_seed(0)
VOCAB, BPTT = 20, 8


class RNNModel(nn.Module):
    def __init__(self, ninp=16, nhid=16):
        super().__init__()
        self.drop = nn.Dropout(0.1)
        self.encoder = nn.Embedding(VOCAB, ninp)
        self.rnn = nn.LSTM(ninp, nhid)
        self.decoder = nn.Linear(nhid, VOCAB)

    def init_hidden(self, bsz):
        return torch.zeros(1, bsz, 16), torch.zeros(1, bsz, 16)

    def forward(self, inp, hidden):
        out, hidden = self.rnn(self.drop(self.encoder(inp)), hidden)
        return self.decoder(self.drop(out)), hidden


def repackage_hidden(hidden):
    """Cuts the history so that BPTT does not run over the whole corpus."""
    h, c = hidden
    return h.detach(), c.detach()


def get_batch(source, i):
    return source[i:i + BPTT], source[i + 1:i + 1 + BPTT].reshape(-1)


model = RNNModel()
criterion = nn.CrossEntropyLoss()
corpus = torch.randint(0, VOCAB, (33, 4))
lr = 5.0
hidden = model.init_hidden(4)
model.train()
for i in range(0, 32, BPTT):
    data, targets = get_batch(corpus, i)
    model.zero_grad()
    hidden = repackage_hidden(hidden)
    output, hidden = model(data, hidden)
    loss = criterion(output.view(-1, VOCAB), targets)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 0.25)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(p.grad, alpha=-lr)
