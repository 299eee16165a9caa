"""Small helpers shared by the training and the retrieval scripts."""
import torch.nn.functional as F


def l2n_train(x, eps=1e-6):
    return F.normalize(x, dim=-1, eps=eps)


def l2n(x, eps=1e-6):
    # used for the retrieval index
    x = x.detach()
    return x / (x.norm(dim=-1, keepdim=True) + eps)
