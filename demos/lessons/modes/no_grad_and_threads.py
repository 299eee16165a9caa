"""Grad mode is thread-local: a server's workers do not see what the main thread set."""

from concurrent.futures import ThreadPoolExecutor

import torch


def wrong():
    from concurrent.futures import ThreadPoolExecutor

    model = torch.nn.Linear(2, 1)
    batch = torch.ones(1, 2)
    torch.set_grad_enabled(False)
    here = model(batch)
    with ThreadPoolExecutor(1) as server:
        grad_enabled = server.submit(torch.is_grad_enabled).result()
        served = server.submit(model, batch).result()
    torch.set_grad_enabled(True)


def right():
    from concurrent.futures import ThreadPoolExecutor

    model = torch.nn.Linear(2, 1)
    batch = torch.ones(1, 2)

    @torch.no_grad()
    def predict(batch):
        return model(batch)

    with ThreadPoolExecutor(1) as server:
        served = server.submit(predict, batch).result()
    here = model(batch)


def _inference_mode_reaches_a_new_thread():
    with torch.inference_mode(), ThreadPoolExecutor(1) as server:
        return server.submit(torch.is_inference_mode_enabled).result()


def _switched_off_in_one_thread():
    """Return the grad mode afterwards, in that thread and in this one."""
    with ThreadPoolExecutor(1) as server:
        server.submit(torch.set_grad_enabled, False).result()
        return server.submit(torch.is_grad_enabled).result(), torch.is_grad_enabled()


def claims(wrong, right):
    there, here = _switched_off_in_one_thread()
    return {
        "whole_process": {
            "main_has_no_graph": wrong.here.grad_fn is None,
            "worker_has_no_graph": wrong.served.grad_fn is None,
        },
        "inherited": {
            "worker_starts_off": not wrong.grad_enabled,
        },
        "inference_mode_reaches": {
            "worker_in_inference_mode": _inference_mode_reaches_a_new_thread(),
        },
        "one_thread_only": {
            "off_in_that_thread": not there,
            "on_in_this_thread": here,
        },
        "in_the_handler": {
            "served_has_no_graph": right.served.grad_fn is None,
            "main_still_records": right.here.grad_fn is not None,
        },
    }
