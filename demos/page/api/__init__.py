"""What scripts and agents call by name: typed arguments in, plain JSON data out."""

from demos.page.api.checked import exception_handlers
from demos.page.api.endpoints import create_api

__all__ = ["create_api", "exception_handlers"]
