import torch
from torch import nn

torch.manual_seed(0)
ranker = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 1, bias=False))
opt = torch.optim.Adam(ranker.parameters(), lr=1e-3)


def rank_loss(scores, relevance):
    true_rank = relevance.argsort(descending=True).argsort().float()
    pred_rank = torch.sigmoid(scores[None, :] - scores[:, None]).sum(1) - 0.5
    return (pred_rank - true_rank).pow(2).mean()


for query in range(4):
    docs, relevance = torch.randn(10, 6), torch.rand(10)
    loss = rank_loss(ranker(docs).squeeze(-1), relevance)
    opt.zero_grad()
    loss.backward()
    opt.step()
