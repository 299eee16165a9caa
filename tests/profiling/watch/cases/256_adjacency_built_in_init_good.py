import torch
from torch import nn

torch.manual_seed(0)


class LearnedGraphConv(nn.Module):
    def __init__(self, nodes=10, dim=6):
        super().__init__()
        self.adj_logits = nn.Parameter(torch.randn(nodes, nodes))
        self.lin = nn.Linear(dim, 1)

    def forward(self, x):
        adj = torch.softmax(self.adj_logits, dim=-1)
        return self.lin(adj @ x)


model = LearnedGraphConv()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
x, y = torch.randn(10, 6), torch.randn(10, 1)
for epoch in range(4):
    optimizer.zero_grad()
    loss = (model(x) - y).pow(2).mean()
    loss.backward()
    optimizer.step()
