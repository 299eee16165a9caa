import itertools
import torch
from torch import nn

torch.manual_seed(0)
model = nn.ModuleDict({"enc": nn.Embedding(12, 6), "pos": nn.Linear(6, 4), "ner": nn.Linear(6, 3)})
opt = torch.optim.Adam(model.parameters(), lr=1e-2)
for step, task in zip(range(8), itertools.cycle(["pos", "ner", "pos"])):
    ids = torch.randint(0, 12, (5, 4))
    logits = model[task](model["enc"](ids))
    y = ids % logits.shape[-1]
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten())
    opt.zero_grad()
    loss.backward()
    opt.step()
