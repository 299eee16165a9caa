"""Errors that are printed, caught, chained and raised in threads."""

import logging
import sys
import threading
import traceback

import torch
from torch import nn


class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x):
        return self.linear(x)


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        print("".join(traceback.format_stack()[-3:]), file=sys.stderr)
        return x * x

    @staticmethod
    def backward(ctx, grad):
        raise ValueError("no gradient of this")


model = Scale()
try:
    nn.Sequential(nn.Identity(), model)(torch.ones(2, 4))
except RuntimeError:
    traceback.print_exc()
    logging.exception("a shape")
try:
    nn.functional.layer_norm(torch.ones(2, 3), (5,))
except RuntimeError as error:
    print(traceback.format_exc())
    traceback.print_tb(error.__traceback__)
try:
    Square.apply(model(torch.ones(1, 3))).sum().backward()
except ValueError:
    traceback.print_exc()
try:
    try:
        torch.ones(2) + torch.ones(3)
    except RuntimeError as error:
        raise KeyError("chained") from error
except KeyError:
    traceback.print_exc()


def work():
    nn.functional.linear(torch.ones(2, 4), model.linear.weight)


thread = threading.Thread(target=work, name="worker")
thread.start()
thread.join()
with torch.device("meta"):
    try:
        torch.empty(2).view(3)
    except RuntimeError:
        traceback.print_exc()
for each in (lambda: torch.optim.SGD([]), lambda: nn.Parameter([1]), lambda: torch.from_numpy(3)):
    try:
        each()
    except (ValueError, TypeError, AttributeError):
        traceback.print_exc()
try:
    torch.ones(2, requires_grad=True).unsqueeze(0).backward()
except RuntimeError as error:
    raise SystemError("the end") from error
