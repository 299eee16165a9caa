"""Warnings: printed, recorded, raised, and given once for each line."""

import warnings

import torch
from torch import nn


def deprecated():
    warnings.warn("mine", DeprecationWarning, stacklevel=2)


class Old(nn.Module):
    def forward(self, x):
        warnings.warn("of a module", UserWarning, stacklevel=2)
        warnings.warn("further up", UserWarning, stacklevel=4)
        deprecated()
        return nn.functional.softmax(x)


model = nn.Sequential(nn.Linear(4, 4), Old())
x = torch.ones(2, 4)
for _ in range(3):
    model(x)
    nn.functional.mse_loss(x, torch.ones(2, 1))
    torch.ones(3, 2).T.T
    torch.ones(2, 3, 2).T
    nn.functional.upsample(torch.ones(1, 1, 2, 2), scale_factor=2)
nn.functional.mse_loss(x, torch.ones(2, 1))
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    nn.functional.mse_loss(x, torch.ones(2, 1))
    torch.ones(2, 3, 2).T
    torch.tensor(x)
    nn.functional.tanh(model(x)).sum().grad
    for each in seen:
        print(each.category.__name__, str(each.message)[:40], each.filename, each.lineno)
with warnings.catch_warnings():
    warnings.simplefilter("error")
    for call in (lambda: torch.tensor(x), lambda: nn.functional.mse_loss(x, torch.ones(2, 1))):
        try:
            call()
        except UserWarning as error:
            print("raised", error)
with warnings.catch_warnings():
    warnings.filterwarnings("ignore", module="__main__")
    torch.tensor(x)
    nn.functional.mse_loss(x, torch.ones(2, 1))


def show(message, category, filename, lineno, file=None, line=None):
    print("shown", category.__name__, filename, lineno)


warnings.showwarning = show
torch.tensor(x)
torch.tensor(x)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
scheduler.step()
print(sorted(key[0][:20] for key in __warningregistry__ if isinstance(key, tuple)))
