import torch
from torch import nn

torch.manual_seed(0)
X = torch.randn(60, 5)
Y = (X[:, :2].sum(1) > 0).long()


def train(tr, va, width, lr):
    model = nn.Sequential(nn.Linear(5, width), nn.ReLU(), nn.Dropout(0.1), nn.Linear(width, 2))
    opt = torch.optim.Adam(model.parameters(), lr=lr)
    stale, best, state = 0, 1e9, None
    for epoch in range(4):
        model.train()
        for b in tr.split(16):
            opt.zero_grad()
            nn.functional.cross_entropy(model(X[b]), Y[b]).backward()
            opt.step()
        model.eval()
        with torch.inference_mode():
            vl = nn.functional.cross_entropy(model(X[va]), Y[va]).item()
        if vl < best:
            best, state = vl, {k: v.clone() for k, v in model.state_dict().items()}
        else:
            stale += 1
            if stale > 1:
                break
    model.load_state_dict(state)
    return model, best


results = {}
for width in (4, 8):
    for lr in (1e-2, 3e-3):
        scores = []
        for fold in torch.arange(60).chunk(3):
            mask = torch.ones(60, dtype=torch.bool)
            mask[fold] = False
            model, s = train(mask.nonzero().squeeze(1), fold, width, lr)
            scores.append(s)
        results[width, lr] = sum(scores) / 3
best = min(results, key=results.get)
model, _ = train(torch.arange(50), torch.arange(50, 60), *best)
