import torch
from torch import nn


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(5, 6, batch_first=True)
        self.cls = nn.Linear(6, 3)
        self.state = None

    def forward(self, x):
        out, self.state = self.lstm(x, self.state)
        return self.cls(out)

    def detach_state(self):
        tuple(s.detach() for s in self.state)


torch.manual_seed(0)
model = Tagger()
opt = torch.optim.Adam(model.parameters())
for _ in range(4):
    x = torch.randn(2, 6, 5)
    loss = nn.functional.cross_entropy(model(x).flatten(0, 1), torch.randint(0, 3, (12,)))
    opt.zero_grad()
    loss.backward()
    model.detach_state()
    opt.step()
