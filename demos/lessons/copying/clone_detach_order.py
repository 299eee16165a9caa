"""clone() alone stays in the graph, detach() alone shares memory; both together do neither."""

import torch

MEASURED = "elementwise"


def wrong():
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    gate = torch.sigmoid(x)
    cloned = gate.clone()
    cloned.sum().backward()
    detached = gate.detach()
    detached.zero_()


def right():
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    gate = torch.sigmoid(x)
    detached_first = gate.detach().clone()
    cloned_first = gate.clone().detach()
    same_values = torch.equal(detached_first, cloned_first)
    detached_first.zero_()
    cloned_first.zero_()
    gate.sum().backward()


def _shares(tensor, other):
    return tensor.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()


def _number(tensor):
    """Return the sequence number of a tensor's node; each new node takes the next one."""
    return torch.autograd.graph.get_gradient_edge(tensor).node._sequence_nr()


def _nodes_recorded(copied):
    """Return how many nodes a copy records."""
    gate = torch.sigmoid(torch.ones(3, requires_grad=True))
    copied(gate)
    return _number(torch.sigmoid(gate)) - _number(gate) - 1


def claims(wrong, right):
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    gate = torch.sigmoid(x)
    gradient = torch.autograd.grad(gate.sum(), x)[0]
    return {
        "clone_is_enough": {
            "own_memory": not _shares(wrong.cloned, wrong.gate),
            "requires_grad_false": not wrong.cloned.requires_grad,
            "x_has_no_grad": wrong.x.grad is None,
        },
        "detach_is_enough": {
            "requires_grad_false": not wrong.detached.requires_grad,
            "own_memory": not _shares(wrong.detached, wrong.gate),
            "gate_unchanged": torch.equal(wrong.gate, gate),
        },
        "order_matters": {
            "other_values": not right.same_values,
            "other_flag": right.detached_first.requires_grad != right.cloned_first.requires_grad,
            "shared_memory": any(
                _shares(each, right.gate) for each in (right.detached_first, right.cloned_first)
            ),
        },
        "one_node_more": {
            "clone_first_records_one": _nodes_recorded(lambda gate: gate.clone().detach()) == 1,
            "detach_first_records_none": _nodes_recorded(lambda gate: gate.detach().clone()) == 0,
        },
        "original_is_safe": {
            "gate_unchanged": torch.equal(right.gate, gate),
            "same_gradient": torch.equal(right.x.grad, gradient),
        },
    }
