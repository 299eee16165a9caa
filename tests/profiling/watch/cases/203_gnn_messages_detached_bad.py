import torch
from torch import nn

torch.manual_seed(0)


class MessagePassing(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.msg = nn.Linear(2 * dim, dim)
        self.upd = nn.Linear(2 * dim, dim)
        self.cls = nn.Linear(dim, 3)

    def forward(self, x, edge_index):
        src, dst = edge_index
        m = torch.relu(self.msg(torch.cat([x[src], x[dst]], dim=-1)))
        agg = torch.zeros_like(x)
        agg.index_add_(0, dst, m.detach())
        x = torch.relu(self.upd(torch.cat([x, agg], dim=-1)))
        return self.cls(x)


gnn = MessagePassing(8)
optimizer = torch.optim.Adam(gnn.parameters(), lr=0.01, weight_decay=5e-4)
criterion = nn.CrossEntropyLoss()
x = torch.randn(20, 8)
edge_index = torch.randint(0, 20, (2, 60))
y = torch.randint(0, 3, (20,))
train_mask = torch.rand(20) < 0.7
for epoch in range(5):
    optimizer.zero_grad()
    out = gnn(x, edge_index)
    loss = criterion(out[train_mask], y[train_mask])
    loss.backward()
    optimizer.step()
