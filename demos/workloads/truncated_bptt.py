"""Truncated backpropagation through time: the state crosses chunks, the gradient does not."""

import torch
from torch import nn

SIZE = "steps"
SIZES = (32, 128, 256)
PARAMETERS = {"chunk": (16, 1, 4096), "batch": (32, 1, 65536), "width": (64, 1, 4096)}
ABSENT = ("no_grad", "inference_mode", "frozen")
RAISES = {"carried": "Trying to backward through the graph a second time"}


def build(size, chunk, batch, width):
    modules = {"cell": nn.RNNCell(width, width), "head": nn.Linear(width, 1)}
    return {**modules, "sequence": torch.randn(size, batch, width), "chunk": chunk}


def groups(cell, head, sequence, chunk):
    return {"cell": list(cell.parameters()), "head": list(head.parameters())}


def reference(cell, head, sequence, chunk):
    leaves = [*cell.parameters(), *head.parameters()]
    totals = [torch.zeros_like(leaf) for leaf in leaves]
    state = torch.zeros_like(sequence[0])
    for part in sequence.split(chunk):
        states = [state.detach()]
        for x in part:
            states.append(cell(x, states[-1]))
        state = states[-1]
        loss = head(torch.stack(states[1:])).mean(1).sum() / len(sequence)
        grads = torch.autograd.grad(loss, leaves)
        totals = [total + grad for total, grad in zip(totals, grads, strict=True)]
    count = len(list(cell.parameters()))
    return {"cell": totals[:count], "head": totals[count:]}


def attached(cell, head, sequence, chunk):
    state = torch.zeros_like(sequence[0])
    states = []
    for x in sequence:
        state = cell(x, state)
        states.append(state)
    return head(torch.stack(states)).mean(1).sum() / len(sequence)


def carried(cell, head, sequence, chunk):
    state, total = torch.zeros_like(sequence[0]), 0
    for part in sequence.split(chunk):
        states = []
        for x in part:
            state = cell(x, state)
            states.append(state)
        loss = head(torch.stack(states)).mean(1).sum() / len(sequence)
        loss.backward()
        total = total + loss.detach()
    return None, total


def detach(cell, head, sequence, chunk):
    state, total = torch.zeros_like(sequence[0]), 0
    for part in sequence.split(chunk):
        states = []
        for x in part:
            state = cell(x, state)
            states.append(state)
        loss = head(torch.stack(states)).mean(1).sum() / len(sequence)
        loss.backward()
        total = total + loss.detach()
        state = state.detach()
    return None, total


def detach_clone(cell, head, sequence, chunk):
    state, total = torch.zeros_like(sequence[0]), 0
    for part in sequence.split(chunk):
        states = []
        for x in part:
            state = cell(x, state)
            states.append(state)
        loss = head(torch.stack(states)).mean(1).sum() / len(sequence)
        loss.backward()
        total = total + loss.detach()
        state = state.detach().clone()
    return None, total


def detach_inplace(cell, head, sequence, chunk):
    state, total = torch.zeros_like(sequence[0]), 0
    for part in sequence.split(chunk):
        states = []
        for x in part:
            state = cell(x, state)
            states.append(state)
        loss = head(torch.stack(states)).mean(1).sum() / len(sequence)
        loss.backward()
        total = total + loss.detach()
        state.detach_()
    return None, total
