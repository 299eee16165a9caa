"""Paddle: written as PyTorch is, and backward without a graph does nothing."""

NAME = "Paddle"
PACKAGES = ("paddlepaddle", "paddlepaddle-gpu")


def detach_untouched():
    import paddle

    a = paddle.to_tensor([1.0, 2.0, 3.0], stop_gradient=False)
    out = paddle.nn.functional.sigmoid(a)
    c = out.detach()
    out.sum().backward()
    return a.grad


def backward_through_detached():
    import paddle

    a = paddle.to_tensor([1.0, 2.0, 3.0], stop_gradient=False)
    c = paddle.nn.functional.sigmoid(a).detach()
    c.sum().backward()
    return a.grad


def detach_then_zero():
    import paddle

    a = paddle.to_tensor([1.0, 2.0, 3.0], stop_gradient=False)
    out = paddle.nn.functional.sigmoid(a)
    c = out.detach()
    c.zero_()
    out.sum().backward()
    return a.grad


def detach_inplace_before():
    import paddle

    x = paddle.to_tensor([1.0, 2.0, 3.0], stop_gradient=False)
    m = paddle.nn.functional.sigmoid(x)
    y = m * 2
    m.detach_()
    y.sum().backward()
    return x.grad


def detach_inplace_after():
    import paddle

    x = paddle.to_tensor([1.0, 2.0, 3.0], stop_gradient=False)
    m = paddle.nn.functional.sigmoid(x)
    m.detach_()
    y = m * 2
    y.sum().backward()
    return x.grad


def straight_through():
    import paddle

    x = paddle.to_tensor([0.3, 1.2, 2.6], stop_gradient=False)
    y = x + (x.round() - x).detach()
    y.sum().backward()
    return x.grad


def zero_is_a_gradient():
    import paddle

    encoder, head = (paddle.create_parameter([1], "float32") for _ in range(2))
    encoder.set_value(paddle.ones([1]))
    optimizer = paddle.optimizer.AdamW(0.1, parameters=[encoder, head], weight_decay=0.1)
    h = (encoder * 2).detach()
    (head * h).sum().backward()
    optimizer.step()
    return encoder.grad, encoder
