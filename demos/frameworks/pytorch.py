"""PyTorch: a tensor is cut from its graph, and backward needs one."""

NAME = "PyTorch"
PACKAGES = ("torch",)


def detach_untouched():
    import torch

    a = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    out = a.sigmoid()
    c = out.detach()
    out.sum().backward()
    return a.grad


def backward_through_detached():
    import torch

    a = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    c = a.sigmoid().detach()
    c.sum().backward()
    return a.grad


def detach_then_zero():
    import torch

    a = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    out = a.sigmoid()
    c = out.detach()
    c.zero_()
    out.sum().backward()
    return a.grad


def detach_inplace_before():
    import torch

    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    m = x.sigmoid()
    y = m * 2
    m.detach_()
    y.sum().backward()
    return x.grad


def detach_inplace_after():
    import torch

    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    m = x.sigmoid()
    m.detach_()
    y = m * 2
    y.sum().backward()
    return x.grad


def straight_through():
    import torch

    x = torch.tensor([0.3, 1.2, 2.6], requires_grad=True)
    y = x + (x.round() - x).detach()
    y.sum().backward()
    return x.grad


def zero_is_a_gradient():
    import torch

    encoder, head = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
    optimizer = torch.optim.AdamW([encoder, head], lr=0.1, weight_decay=0.1)
    h = (encoder * 2).detach()
    (head * h).sum().backward()
    optimizer.step()
    return encoder.grad, encoder
