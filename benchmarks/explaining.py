"""Prints what a step of training costs when it is watched, as a multiple of a plain step.

Run: ``python -m benchmarks.explaining``. Plain and watched steps take turns; medians are compared.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

from profiling.watch import watch

_ROUNDS = 5
_STEPS = 4


def transformer() -> Callable[[], None]:
    """Return a step of a transformer of two blocks, on 8 sequences of 64."""
    layer = nn.TransformerEncoderLayer(256, 4, 1024, batch_first=True)
    model = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    return _step(model, torch.randn(8, 64, 256))


def cnn() -> Callable[[], None]:
    """Return a step of a CNN with batch norm, on 16 images of 32 × 32."""
    widths = (3, 32, 64, 64)
    layers: list[nn.Module] = []
    for ins, outs in pairwise(widths):
        layers += [nn.Conv2d(ins, outs, 3, padding=1), nn.BatchNorm2d(outs), nn.ReLU(inplace=True)]
    return _step(nn.Sequential(*layers), torch.randn(16, 3, 32, 32))


def _step(model: nn.Module, x: Tensor) -> Callable[[], None]:
    optimizer = torch.optim.AdamW(model.parameters())

    def step() -> None:
        optimizer.zero_grad()
        model(x).pow(2).mean().backward()
        optimizer.step()

    return step


def seconds(step: Callable[[], None]) -> float:
    """Return the median time of a step, without the first."""
    times = []
    for _ in range(_STEPS):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def ratio(make: Callable[[], Callable[[], None]], values: bool) -> float:
    """Return the time of a watched step over that of a plain one."""
    step = make()
    plain, watched = [], []
    for _ in range(_ROUNDS):
        plain.append(seconds(step))
        with watch(values=values):
            watched.append(seconds(step))
    return statistics.median(watched) / statistics.median(plain)


def main() -> None:
    """Print the ratios."""
    for make in (transformer, cnn):
        for values in (True, False):
            said = "with values" if values else "without"
            print(f"{make.__name__}, {said}: {ratio(make, values):.2f}", flush=True)


if __name__ == "__main__":
    main()
