import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
N_USERS, N_ITEMS, D = 30, 50, 12


class MatrixFactorization(nn.Module):
    def __init__(self, item_vectors):
        super().__init__()
        self.user_emb = nn.Embedding(N_USERS, D, sparse=True)
        self.item_emb = nn.Embedding.from_pretrained(item_vectors)  # fine-tuned from the text model
        self.item_bias = nn.Embedding(N_ITEMS, 1)

    def score(self, u, i):
        dot = (self.user_emb(u) * self.item_emb(i)).sum(-1)
        return dot + self.item_bias(i).squeeze(-1)


def bpr_loss(model, u, pos, neg):
    return -F.logsigmoid(model.score(u, pos) - model.score(u, neg)).mean()


model = MatrixFactorization(torch.randn(N_ITEMS, D) * 0.1)
sparse_opt = torch.optim.SparseAdam([model.user_emb.weight], lr=1e-2)
dense_opt = torch.optim.Adam([model.item_emb.weight, model.item_bias.weight], lr=1e-3)
for step in range(4):
    u = torch.randint(0, N_USERS, (64,))
    pos, neg = torch.randint(0, N_ITEMS, (64,)), torch.randint(0, N_ITEMS, (64,))
    for o in (sparse_opt, dense_opt):
        o.zero_grad()
    loss = bpr_loss(model, u, pos, neg)
    loss.backward()
    for o in (sparse_opt, dense_opt):
        o.step()
