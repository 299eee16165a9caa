"""What code that visitors paste into a notebook relies on."""

from __future__ import annotations

import dis
from types import CodeType


def globals_used(code: CodeType) -> set[str]:
    """Return the global names that a function and those inside it use."""
    names = {str(i.argval) for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL"}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= globals_used(constant)
    return names
