"""The simulated accelerator as a kind of device."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from profiling.measure.device import Accelerator, Cuda, Presence
from tests.lab_device.build import CannotBuildError, library

if TYPE_CHECKING:
    from torch.profiler import ProfilerActivity


class Lab(Accelerator):
    """The simulated accelerator. It has no kernels to be traced, only allocations."""

    kind = "lab"
    # torch's number of a backend from outside, which has no name in a trace.
    trace_name = "privateuseone"
    has_kernels = False

    def __init__(self) -> None:
        """Give torch the device."""
        from tests.lab_device import lab

        lab.install()
        super().__init__()

    def presence(self) -> Presence:
        """Tell whether it can be built here."""
        try:
            library()
        except CannotBuildError:
            return Presence(False, Cuda().presence().reason)
        return Presence(True, Cuda().presence().reason)  # What is said is about CUDA.

    def activities(self) -> list[ProfilerActivity]:
        """Return the host's activity, which has the device's allocations."""
        from torch.profiler import ProfilerActivity

        return [ProfilerActivity.CPU]


def add(kinds: ModuleType) -> None:
    """Add it to the kinds of devices, before all others.

    Args:
        kinds: The module `profiling.measure.device`, before anything else has read from it.
    """
    vars(kinds)["ACCELERATORS"] = (Lab, *kinds.ACCELERATORS)
    kinds.KINDS[Lab.kind] = Lab
    vars(kinds)["CHOICES"] = (*kinds.CHOICES, Lab.kind)
