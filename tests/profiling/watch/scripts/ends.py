"""What a script may do at its end, and what it may look at."""

import atexit
import os
import pickle
import random
import sys
import threading

import numpy as np
import torch
from torch import nn


class Kept:
    def __init__(self, value):
        self.value = value


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 4))
        self.dropout = nn.Dropout()

    def forward(self, x):
        return self.dropout(x @ self.weight)


def late():
    step(torch.ones(2, 4))
    print("late")


def step(x):
    optimizer.zero_grad()
    model(x).pow(2).mean().backward()
    optimizer.step()


atexit.register(lambda: print("at exit", float(model.weight.sum())))
model = Net()
optimizer = torch.optim.Adam(model.parameters())
for _ in range(4):
    step(torch.randn(2, 4) + np.random.rand() + random.random())
copied = pickle.loads(pickle.dumps(Kept(model)))
print(type(copied).__module__, __name__, sys.argv[1:], sys.path[0] == os.path.dirname(__file__))
print(sorted(each for each in globals() if each.startswith("__")))
child = os.fork()
if child == 0:
    step(torch.ones(2, 4))
    os._exit(3)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
os.chdir("/")
threading.Thread(target=late).start()
sys.exit(7)
