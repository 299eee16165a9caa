import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


class GatedGraphConv(nn.Module):
    def __init__(self, d_in, d_out):
        super().__init__()
        self.self_lin = nn.Linear(d_in, d_out)
        self.nbr_lin = nn.Linear(d_in, d_out, bias=False)

    def forward(self, x, edge_index, edge_weight):
        src, dst = edge_index
        msg = self.nbr_lin(x)[src] * edge_weight[:, None]
        out = torch.sigmoid(self.self_lin(x))
        out = out.index_add(0, dst, msg)
        return out


class GNN(nn.Module):
    def __init__(self, d=8, hidden=16, classes=3):
        super().__init__()
        self.conv1 = GatedGraphConv(d, hidden)
        self.conv2 = GatedGraphConv(hidden, hidden)
        self.out = nn.Linear(hidden, classes)

    def forward(self, x, edge_index, w):
        h = F.relu(self.conv1(x, edge_index, w))
        h = self.conv2(h, edge_index, w)
        return self.out(F.dropout(h, 0.2, self.training))


n, e = 20, 60
x = torch.randn(n, 8)
edge_index = torch.randint(0, n, (2, e))
deg = torch.bincount(edge_index[1], minlength=n).clamp(min=1).float()
edge_weight = 1.0 / deg[edge_index[1]]
labels, train_mask = torch.randint(0, 3, (n,)), torch.rand(n) < 0.6

gnn = GNN()
optimizer = torch.optim.Adam(gnn.parameters(), lr=1e-2, weight_decay=5e-4)
for epoch in range(3):
    gnn.train()
    optimizer.zero_grad()
    logits = gnn(x, edge_index, edge_weight)
    loss = F.cross_entropy(logits[train_mask], labels[train_mask])
    loss.backward()
    optimizer.step()
