import argparse

import torch
from torch import nn
import torch.nn.functional as F


def build(args):
    model = nn.Sequential(nn.Linear(args.dim, 2 * args.dim), nn.GELU(), nn.LayerNorm(2 * args.dim), nn.Linear(2 * args.dim, 3))
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, args.lr, total_steps=10)
    return model, optimizer, scheduler


def train(model, loader, optimizer, scheduler, accum):
    pending = 0
    for i, (x, y) in enumerate(loader):
        loss = F.cross_entropy(model(x), y) / accum
        loss.backward()
        pending += 1
        if pending == accum or i == len(loader) - 1:  # the last, shorter group counts as well
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=False)
            scheduler.step()
            pending = 0


def main(argv=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("--dim", type=int, default=12)
    parser.add_argument("--lr", type=float, default=1e-3)
    args = parser.parse_args(argv)
    torch.manual_seed(0)
    model, optimizer, scheduler = build(args)
    loader = [(torch.randn(4, args.dim), torch.randint(0, 3, (4,))) for _ in range(7)]
    for epoch in range(2):
        train(model, loader, optimizer, scheduler, accum=3)


if __name__ == "__main__":
    main([])
