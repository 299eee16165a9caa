"""MLX: a function is differentiated, and every input gets a gradient."""

NAME = "MLX"
PACKAGES = ("mlx",)


def detach_untouched():
    import mlx.core as mx

    def loss(a):
        out = mx.sigmoid(a)
        c = mx.stop_gradient(out)
        return out.sum()

    return mx.grad(loss)(mx.array([1.0, 2.0, 3.0]))


def backward_through_detached():
    import mlx.core as mx

    def loss(a):
        c = mx.stop_gradient(mx.sigmoid(a))
        return c.sum()

    return mx.grad(loss)(mx.array([1.0, 2.0, 3.0]))


def detach_then_zero():
    import mlx.core as mx

    def loss(a):
        out = mx.sigmoid(a)
        c = mx.stop_gradient(out)
        c[:] = 0.0
        return out.sum()

    return mx.grad(loss)(mx.array([1.0, 2.0, 3.0]))


def detach_inplace_before():
    import mlx.core as mx

    def loss(x):
        m = mx.sigmoid(x)
        y = m * 2
        m = mx.stop_gradient(m)
        return y.sum()

    return mx.grad(loss)(mx.array([1.0, 2.0, 3.0]))


def detach_inplace_after():
    import mlx.core as mx

    def loss(x):
        m = mx.stop_gradient(mx.sigmoid(x))
        y = m * 2
        return y.sum()

    return mx.grad(loss)(mx.array([1.0, 2.0, 3.0]))


def straight_through():
    import mlx.core as mx

    def loss(x):
        return (x + mx.stop_gradient(mx.round(x) - x)).sum()

    return mx.grad(loss)(mx.array([0.3, 1.2, 2.6]))


def zero_is_a_gradient():
    import mlx.core as mx
    from mlx.optimizers import AdamW

    def loss(weights):
        h = mx.stop_gradient(weights["encoder"] * 2)
        return (weights["head"] * h).sum()

    weights = {"encoder": mx.ones(1), "head": mx.ones(1)}
    grads = mx.grad(loss)(weights)
    optimizer = AdamW(0.1, weight_decay=0.1)
    return grads["encoder"], optimizer.apply_gradients(grads, weights)["encoder"]
