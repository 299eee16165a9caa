"""The command doctor."""

from __future__ import annotations

import click
from rich.table import Table

from profiling.cli.common import device_option, json_option, open_engine, out, print_json, say
from profiling.measure.device import KINDS, Device
from profiling.model.run import Check, Environment
from profiling.model.units import show_bytes, show_flags


@click.command("doctor")
@device_option(help="What to check.")
@json_option
def doctor(device: str, as_json: bool) -> int:
    """Show what this machine can measure and how, and check it."""
    checks: list[Check] = []
    with open_engine(device) as engine:
        environment = engine.environment()
        assert environment is not None  # Without a time limit it is waited for.
        kind = environment.devices[0].kind
        if not as_json:
            _print_machine(environment, kind)
        for check in engine.self_check():
            checks.append(check)
            if not as_json:
                _print_check(check)
    if as_json:
        print_json({"environment": environment, "checks": checks})
    return 0 if all(check.passed for check in checks) else 1


def _print_machine(environment: Environment, kind: str) -> None:
    table = Table(box=None, show_header=False)
    for device in environment.devices:
        dtypes = ", ".join(device.dtypes)
        table.add_row(device.spec, f"{device.name}, {show_bytes(device.memory_bytes)}; {dtypes}")
    state = say(environment.cuda_state, **environment.state_values)
    backend = environment.backend or f"CUDA {environment.cuda or '–'}"
    table.add_row("torch", f"{environment.torch}, {backend}. {state}")
    if environment.flags:
        table.add_row(say("diff.field.flags"), show_flags(environment.flags))
    table.add_row("python", f"{environment.python}, {environment.platform}")
    table.add_row(say("doctor.threads"), str(environment.threads))
    for number, method in _methods(KINDS[kind]).items():
        table.add_row(say(f"doctor.{number}"), say(f"doctor.{number}.{method}"))
    out.print(table)
    out.print()


def _methods(kind: type[Device]) -> dict[str, str]:
    """Return how each number is measured on a kind of device."""
    return {
        "time": "events" if kind.is_accelerator else "clock",
        "memory": _memory(kind),
        "saved": "hooks",
        "trace": "kernels" if kind.has_kernels else "operators",
    }


def _memory(kind: type[Device]) -> str:
    if kind.has_counters:
        return "counters"
    return "trace" if kind.has_allocations else "results"


def _print_check(check: Check) -> None:
    mark = "[green]✓[/green]" if check.passed else "[red]✗[/red]"
    out.print(mark, end=" ")
    out.print(say(f"doctor.check.{check.name}", **check.values), markup=False, soft_wrap=True)
