"""A function given to torch.func must not change tensors from outside."""

import torch

ERRORS = (
    "vmap: inplace arithmetic(self, *extra_args) is not possible because there exists a Tensor "
    "`other` in extra_args that has more elements than `self`.",
    "During a grad (vjp, jvp, grad, etc) transform, the function provided attempted to call "
    "in-place operation ({}) that would mutate a captured Tensor. This is not supported",
)


def wrong():
    seen = torch.zeros(1)

    def loss(x):
        seen[0] = x
        return x.square()

    try:
        losses = torch.func.vmap(loss)(torch.tensor([1.0, 2.0, 3.0]))
    except RuntimeError as error:
        refused = str(error)
    gradient = torch.func.grad(loss)(torch.tensor(1.0))


def right():
    x = torch.tensor([1.0, 2.0, 3.0])

    def loss(x):
        seen = x * 10
        return x.square(), seen

    both = torch.func.vmap(torch.func.grad(loss, has_aux=True))(x)
    gradient = both[0]
    seen = both[1]


def _runs(make):
    """Return whether a function may write to a tensor that it makes itself under vmap."""

    def loss(x):
        own = make(x)
        own.copy_(x)
        return own.square()

    try:
        return torch.func.vmap(loss)(torch.tensor([1.0, 2.0])).tolist() == [1.0, 4.0]
    except RuntimeError:
        return False


def claims(wrong, right):
    plain = torch.zeros(1)
    plain[0] = torch.tensor(1.0)
    return {
        "as_in_plain_code": {
            "plain": plain.item() == 1,
            "vmap": "losses" in vars(wrong),
            "grad": wrong.error is None,
        },
        "own_tensors_are_free": {
            "zeros_like": _runs(torch.zeros_like),
            "zeros": _runs(lambda x: torch.zeros(())),
        },
        "refused_changes_nothing": {
            "still_zero": wrong.seen.item() == 0,
        },
        "returned_instead": {
            "gradient": right.gradient.tolist() == [2.0, 4.0, 6.0],
            "seen": right.seen.tolist() == [10.0, 20.0, 30.0],
        },
    }
