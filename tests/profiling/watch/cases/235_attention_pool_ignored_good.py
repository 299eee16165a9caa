import torch
from torch import nn

torch.manual_seed(0)


class AttentionPooling(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(5, 12, batch_first=True)
        self.score = nn.Linear(12, 1)
        self.cls = nn.Linear(12, 2)

    def forward(self, x):
        h, _ = self.rnn(x)
        alpha = torch.softmax(self.score(h), dim=1)
        pooled = (alpha * h).sum(dim=1)
        return self.cls(pooled), alpha


model = AttentionPooling()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(4):
    x, y = torch.randn(8, 6, 5), torch.randint(0, 2, (8,))
    logits, alpha = model(x)
    loss = criterion(logits, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
