"""tinygrad: lazy tensors; backward reaches every tensor of the graph."""

NAME = "tinygrad"
PACKAGES = ("tinygrad",)


def detach_untouched():
    from tinygrad import Tensor

    a = Tensor([1.0, 2.0, 3.0])
    out = a.sigmoid()
    c = out.detach()
    out.sum().backward()
    return a.grad


def backward_through_detached():
    from tinygrad import Tensor

    a = Tensor([1.0, 2.0, 3.0])
    c = a.sigmoid().detach()
    c.sum().backward()
    return a.grad


def detach_then_zero():
    from tinygrad import Tensor

    a = Tensor([1.0, 2.0, 3.0])
    out = a.sigmoid()
    c = out.detach()
    c.assign(c * 0)
    out.sum().backward()
    return a.grad


def detach_inplace_before():
    from tinygrad import Tensor

    x = Tensor([1.0, 2.0, 3.0])
    m = x.sigmoid()
    y = m * 2
    m = m.detach()
    y.sum().backward()
    return x.grad


def detach_inplace_after():
    from tinygrad import Tensor

    x = Tensor([1.0, 2.0, 3.0])
    m = x.sigmoid().detach()
    y = m * 2
    y.sum().backward()
    return x.grad


def straight_through():
    from tinygrad import Tensor

    x = Tensor([0.3, 1.2, 2.6])
    y = x + (x.round() - x).detach()
    y.sum().backward()
    return x.grad


def zero_is_a_gradient():
    from tinygrad import Context, Tensor
    from tinygrad.nn.optim import AdamW

    encoder, head = Tensor([1.0]), Tensor([1.0])
    optimizer = AdamW([encoder, head], lr=0.1, weight_decay=0.1)
    (head * (encoder * 2).detach()).sum().backward()
    with Context(TRAINING=1):
        optimizer.step()
    return encoder.grad, encoder
