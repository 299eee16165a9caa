"""Small trainings with one feature of torch each, which return what must be the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, jacrev, vmap
from torch.nn.utils import parametrizations, parametrize
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader, TensorDataset

X = torch.linspace(-1, 1, 24).reshape(6, 4)


def trained(model: nn.Module, loss: Callable[[], Any] | None = None, steps: int = 2) -> Any:
    """Train a model, and return what it has become."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        (loss() if loss is not None else model(X).pow(2).mean()).backward()
        optimizer.step()
    return state(model)


def state(model: nn.Module) -> list[Any]:
    """Return values, versions and gradients of a model's parameters."""
    return [
        each
        for p in model.parameters()
        for each in (p.detach().clone(), p._version, None if p.grad is None else p.grad.clone())
    ]


def mlp() -> Any:
    """Return a small model."""
    return nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))


def checkpoint_without_reentry() -> Any:
    model = mlp()
    return trained(model, lambda: checkpoint(model, X, use_reentrant=False).pow(2).mean())


def checkpoint_with_reentry() -> Any:
    model = mlp()
    x = X.clone().requires_grad_()
    return trained(model, lambda: checkpoint(model, x, use_reentrant=True).pow(2).mean())


def lora_with_reentrant_checkpoint() -> Any:
    model = mlp()
    for p in model.parameters():
        p.requires_grad_(False)
    down, up = nn.Parameter(torch.randn(4, 2)), nn.Parameter(torch.randn(2, 4))

    def forward(x: Tensor) -> Any:
        return model(x) + x @ down @ up

    holder = nn.ParameterList([down, up])
    x = X.clone().requires_grad_()
    return trained(holder, lambda: checkpoint(forward, x, use_reentrant=True).pow(2).mean())


def autocast() -> Any:
    model = mlp()

    def loss() -> Any:
        with torch.autocast("cpu", torch.bfloat16):
            return model(X).float().pow(2).mean()

    return trained(model, loss)


def scaler_with_a_skipped_step() -> Any:
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    for factor in (1.0, float("inf"), 1.0):
        optimizer.zero_grad()
        scaler.scale(model(X).pow(2).mean() * factor).backward()
        scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
    return [*state(model), scaler.get_scale()]


def func_transforms() -> Any:
    model = mlp()
    weights = {name: p.detach() for name, p in model.named_parameters()}

    def loss(weights: dict[str, Tensor], x: Tensor) -> Any:
        return functional_call(model, weights, (x,)).pow(2).mean()

    each = vmap(grad(loss), in_dims=(None, 0))(weights, X)
    jacobian = jacrev(lambda x: model(x).sum(0))(X)
    return [*each.values(), jacobian, *trained(model)]


def workers() -> Any:
    model = mlp()
    loader = DataLoader(
        TensorDataset(X), batch_size=3, num_workers=1, multiprocessing_context="fork"
    )
    optimizer = torch.optim.Adam(model.parameters())
    for (x,) in loader:
        model(x).pow(2).mean().backward()
        optimizer.step()
    return state(model)


def compiled() -> Any:
    """Compiled code rounds otherwise, so both runs are in eager mode."""
    model = mlp()

    compiled: Any = torch.compile(model)

    @torch.compile
    def loss() -> Tensor:
        found: Tensor = compiled(X).pow(2).mean()
        return found

    with torch.compiler.set_stance("force_eager"):
        return trained(model, loss)


class _Legacy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, scale: float) -> Any:
        ctx.save_for_backward(x, w)
        return x * w * scale

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Any) -> Any:
        x, w = ctx.saved_tensors
        needs = ctx.needs_input_grad
        return grads[0] * w if needs[0] else None, (grads[0] * x).sum(0) if needs[1] else None, None


class _Split(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor) -> Any:
        return x.exp()

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return grads[0] * ctx.saved_tensors[0]


def apply(function: Any, *args: Any) -> Any:
    """Apply a custom function."""
    return function.apply(*args)


def custom_functions() -> Any:
    model = mlp()
    w = nn.Parameter(torch.ones(4))
    holder = nn.ModuleList([model, nn.ParameterList([w])])
    return trained(holder, lambda: apply(_Split, apply(_Legacy, model(X), w, 0.5)).mean())


def hooks() -> Any:
    model: Any = mlp()
    seen: list[Any] = []
    model[0].register_forward_hook(lambda m, a, out: out * 2)
    model[0].register_forward_pre_hook(lambda m, a: (a[0] + 1,))
    model[1].register_full_backward_hook(lambda m, i, o: seen.append(i[0].sum()))
    model[2].weight.register_hook(lambda g: g * 0.5)
    model[2].bias.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad.clone()))

    def loss() -> Any:
        hidden = model(X)
        hidden.register_hook(lambda g: g.clamp(-1, 1))
        hidden.retain_grad()
        return hidden.pow(2).mean()

    return [*trained(model, loss), *seen]


def lbfgs() -> Any:
    model = mlp()
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=3)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = model(X).pow(2).mean()
        loss.backward()
        return loss

    return [float(optimizer.step(closure)) for _ in range(2)] + state(model)


def optimizer_in_backward() -> Any:
    model = mlp()
    own = {p: torch.optim.SGD([p], lr=0.1) for p in model.parameters()}

    def step(p: Tensor) -> None:
        own[p].step()
        own[p].zero_grad()

    for p in model.parameters():
        p.register_post_accumulate_grad_hook(step)
    for _ in range(2):
        model(X).pow(2).mean().backward()
    return state(model)


def sparse_gradients() -> Any:
    table = nn.Embedding(8, 4, sparse=True)
    optimizer = torch.optim.SparseAdam(table.parameters())
    for _ in range(2):
        optimizer.zero_grad()
        table(torch.tensor([1, 2, 1])).pow(2).sum().backward()
        optimizer.step()
    assert table.weight.grad is not None
    return [table.weight.detach().clone(), table.weight.grad.to_dense()]


def complex_parameters() -> Any:
    w = nn.Parameter(torch.complex(torch.ones(4, 2), torch.ones(4, 2)))
    return trained(nn.ParameterList([w]), lambda: (X.to(w.dtype) @ w).abs().pow(2).mean())


class _Symmetric(nn.Module):
    def forward(self, x: Tensor) -> Any:
        return x.triu() + x.triu(1).transpose(-1, -2)


def parametrized() -> Any:
    model = mlp()
    parametrize.register_parametrization(model[0], "weight", _Symmetric())
    parametrizations.weight_norm(model[2])
    last = parametrizations.spectral_norm(nn.Linear(4, 4))
    return trained(nn.Sequential(model, last))


def lazy_and_tied() -> Any:
    first = nn.LazyLinear(4)
    first(X)
    second = nn.Linear(4, 4)
    second.weight = first.weight
    return trained(nn.Sequential(first, second))


def recurrent() -> Any:
    lstm = nn.LSTM(4, 3, batch_first=True, bidirectional=True)
    x = X.reshape(2, 3, 4)

    def loss() -> Any:
        packed = nn.utils.rnn.pack_padded_sequence(x, [3, 2], batch_first=True)
        out, (hidden, _) = lstm(packed)
        return nn.utils.rnn.pad_packed_sequence(out)[0].pow(2).mean() + hidden.mean()

    return trained(lstm, loss)


def attention() -> Any:
    layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True, dropout=0.1)
    model = nn.Transformer(4, 2, 1, 1, 8, batch_first=True)
    x = X.reshape(2, 3, 4)
    return trained(nn.ModuleList([layer, model]), lambda: model(layer(x), x).pow(2).mean())


def meta_then_real() -> Any:
    with torch.device("meta"):
        model = mlp()
    model(X.to("meta")).sum().backward()
    model = model.to_empty(device="cpu")
    for p in model.parameters():
        p.grad = None
        nn.init.ones_(p)
    return trained(model)


class _Named(Tensor):
    pass


def subclass() -> Any:
    x = X.as_subclass(_Named)
    model = mlp()
    return trained(model, lambda: model(x).pow(2).mean().as_subclass(Tensor))


def default_device() -> Any:
    torch.set_default_device("cpu")
    try:
        return trained(mlp())
    finally:
        torch.set_default_device(None)


def saved_on_cpu() -> Any:
    model = mlp()

    def loss() -> Any:
        with torch.autograd.graph.save_on_cpu():
            return model(X).pow(2).mean()

    with torch.autograd.graph.saved_tensors_hooks(lambda t: t.numpy(), torch.from_numpy):
        first = trained(mlp())
    return [*first, *trained(model, loss)]


def anomaly() -> Any:
    with torch.autograd.set_detect_anomaly(True, check_nan=True):
        return trained(mlp())


def higher_order() -> Any:
    model = mlp()
    x = X.clone().requires_grad_()

    def loss() -> Any:
        (g,) = torch.autograd.grad(model(x).sum(), x, create_graph=True)
        (h,) = torch.autograd.grad(g.pow(2).sum(), x, create_graph=True)
        return g.pow(2).mean() + h.pow(2).mean() + model(x).pow(2).mean()

    return trained(model, loss)


def thread_pool() -> Any:
    model = mlp()

    def loss() -> Any:
        with ThreadPoolExecutor(2) as pool:
            return torch.stack([each.mean() for each in pool.map(model, X.split(3))]).pow(2).sum()

    return trained(model, loss)


def event_loop() -> Any:
    model = mlp()

    async def part(x: Tensor) -> Any:
        await asyncio.sleep(0)
        return model(x).pow(2).mean()

    async def both() -> Any:
        return sum(await asyncio.gather(part(X[:3]), part(X[3:])))

    # A thread of its own: a browser's test may have left a loop that runs in this one.
    with ThreadPoolExecutor(1) as thread:
        return trained(model, lambda: thread.submit(lambda: asyncio.run(both())).result())


def generator_without_gradients() -> Any:
    model = mlp()

    @torch.no_grad()
    def batches() -> Iterator[Tensor]:
        for x in X.split(3):
            yield x * 2

    return trained(model, lambda: torch.stack([model(x).pow(2).mean() for x in batches()]).sum())


def inference_and_back() -> Any:
    model = mlp()
    with torch.inference_mode():
        model(X)
        with torch.inference_mode(False), torch.enable_grad():
            return trained(model)


def scripted() -> Any:
    model = mlp()
    traced = torch.jit.trace(model, X)
    return trained(model, lambda: traced(X).pow(2).mean())


def exported() -> Any:
    """Sizes are symbols while a model is exported."""
    model = mlp()
    size = torch.export.Dim("size", min=2, max=9)
    program = torch.export.export(model, (X,), dynamic_shapes=({0: size},))
    return [str(program), *trained(model)]
