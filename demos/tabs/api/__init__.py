"""What scripts and agents call by name: typed arguments in, plain JSON data out."""

from demos.tabs.api.endpoints import create_api
from demos.tabs.api.refusals import exception_handlers

__all__ = ["create_api", "exception_handlers"]
