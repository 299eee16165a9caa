"""Starts the app as on ZeroGPU: ``python -m tests.zero_gpu.space``, with the options of ``app.py``.

The package `spaces` is the real one; `device_api` lends it the GPU. A build of torch without CUDA
gets the few things that `spaces` needs to be imported and to begin a call; in the call the CPU is
measured. With ``SPACES_ZERO_GPU=false`` it is a Space with this machine's devices.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

# Workers import this module too, so nothing heavy may be imported at its top level.

# By what `spaces` multiplies the seconds asked for on some of ZeroGPU's hardware.
FACTOR = 1.5


def _import_spaces() -> None:
    """Import `spaces`, which must come before Gradio."""
    import torch

    build: Any = torch
    has_cuda = build.version.cuda is not None
    if not has_cuda:
        build.version.cuda = "12.8"
        build.cuda._is_in_bad_fork = bool  # Asked in another process, so it has to be picklable.
        build._C._cuda_init = build.cuda.synchronize = lambda *_: None
        build.Tensor.cuda = lambda tensor, *_, **__: tensor
    from spaces.zero.config import get_config

    get_config()["duration_factor"] = FACTOR
    if not has_cuda:
        build.version.cuda = None


def main() -> int:
    """Serve the page until interrupted."""
    os.environ |= {"SPACE_ID": "somebody/detach-lab", "SYSTEM": "spaces"}
    if os.environ.setdefault("SPACES_ZERO_GPU", "true") == "true":
        if "SPACES_ZERO_DEVICE_API_URL" not in os.environ:
            from tests.zero_gpu.device_api import DeviceApi

            api = DeviceApi(left_s=120)
            threading.Thread(target=api.serve_forever, daemon=True).start()
            os.environ["SPACES_ZERO_DEVICE_API_URL"] = api.url
        _import_spaces()
    import spaces.reloading

    # On a Space, Gradio has this listen to the whole network for changes of the code.
    spaces.reloading.start_reload_server = lambda *, stop_event, **_: stop_event.wait()
    import app

    return app.main()


if __name__ == "__main__":
    sys.exit(main())
