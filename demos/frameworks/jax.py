"""JAX: a function is differentiated, and every input gets a gradient."""

NAME = "JAX"
PACKAGES = ("jax",)


def detach_untouched():
    import jax

    def loss(a):
        out = jax.nn.sigmoid(a)
        c = jax.lax.stop_gradient(out)
        return out.sum()

    return jax.grad(loss)(jax.numpy.array([1.0, 2.0, 3.0]))


def backward_through_detached():
    import jax

    def loss(a):
        c = jax.lax.stop_gradient(jax.nn.sigmoid(a))
        return c.sum()

    return jax.grad(loss)(jax.numpy.array([1.0, 2.0, 3.0]))


def detach_then_zero():
    import jax

    def loss(a):
        out = jax.nn.sigmoid(a)
        c = jax.lax.stop_gradient(out)
        c[:] = 0.0
        return out.sum()

    return jax.grad(loss)(jax.numpy.array([1.0, 2.0, 3.0]))


def detach_inplace_before():
    import jax

    def loss(x):
        m = jax.nn.sigmoid(x)
        y = m * 2
        m = jax.lax.stop_gradient(m)
        return y.sum()

    return jax.grad(loss)(jax.numpy.array([1.0, 2.0, 3.0]))


def detach_inplace_after():
    import jax

    def loss(x):
        m = jax.lax.stop_gradient(jax.nn.sigmoid(x))
        y = m * 2
        return y.sum()

    return jax.grad(loss)(jax.numpy.array([1.0, 2.0, 3.0]))


def straight_through():
    import jax

    def loss(x):
        return (x + jax.lax.stop_gradient(jax.numpy.round(x) - x)).sum()

    return jax.grad(loss)(jax.numpy.array([0.3, 1.2, 2.6]))


def zero_is_a_gradient():
    import jax
    import optax

    def loss(weights):
        h = jax.lax.stop_gradient(weights["encoder"] * 2)
        return (weights["head"] * h).sum()

    weights = {"encoder": jax.numpy.ones(1), "head": jax.numpy.ones(1)}
    optimizer = optax.adamw(0.1, weight_decay=0.1)
    grads = jax.grad(loss)(weights)
    updates, _ = optimizer.update(grads, optimizer.init(weights), weights)
    return grads["encoder"], optax.apply_updates(weights, updates)["encoder"]
