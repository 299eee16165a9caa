import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU())
        self.head = nn.Linear(32, 4)

    def forward(self, x):
        features = self.encoder(x)
        self.last_features = features = features.detach()  # to look at them later
        return self.head(features)


model = Classifier()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
inputs, labels = torch.randn(64, 16), torch.randint(0, 4, (64,))

for batch in range(4):
    chosen = slice(batch * 16, (batch + 1) * 16)
    loss = F.cross_entropy(model(inputs[chosen]), labels[chosen])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
