"""Checks predictions against what the same steps then really allocate."""

from __future__ import annotations

from profiling.measure.device import get
from profiling.measure.memory import Memory, measure_memory
from profiling.measure.prediction import Prediction
from profiling.measure.step import Step
from profiling.traces.memory import NO_OP


def measured(step: Step, predicted: Prediction, device: str = "cpu") -> Memory:
    step.reset()
    step.backward(step.forward())
    return measure_memory(step, get(device), predicted)


def check(predicted: Prediction | None, step: Step) -> int:
    """Check a prediction against the step's measured peak, and return by how much it is less.

    A prediction knows what operators return. So it is never above the peak, and it is below it by
    no more than what was alive at the peak and no operator returned, all of which has a name: that
    of the operator whose own scratch it was, or of what is outside of any.
    """
    assert predicted is not None
    found = measured(step, predicted)
    peak = int(found.samples[0].value or 0)
    unseen = sum(part.bytes for part in found.scratch)
    assert 0 <= peak - predicted.peak_bytes <= unseen, (peak, predicted.peak_bytes, found)
    assert {part.op for part in found.scratch} <= {*predicted.operators, NO_OP}
    return peak - predicted.peak_bytes
