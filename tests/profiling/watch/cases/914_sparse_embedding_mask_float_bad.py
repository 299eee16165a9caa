import torch
from torch import nn

torch.manual_seed(0)
emb = nn.EmbeddingBag(100, 8, mode="sum", sparse=True)
mlp = nn.Linear(8, 1)
sparse_opt = torch.optim.SparseAdam(list(emb.parameters()), lr=1e-2)
dense_opt = torch.optim.Adam(mlp.parameters(), lr=1e-2)
for _ in range(3):
    ids = torch.randint(1, 100, (16, 4))
    weights = (ids == 0).float()
    pooled = emb(ids, per_sample_weights=weights)
    loss = nn.functional.binary_cross_entropy_with_logits(mlp(pooled).squeeze(1), torch.rand(16).round())
    sparse_opt.zero_grad()
    dense_opt.zero_grad()
    loss.backward()
    sparse_opt.step()
    dense_opt.step()
