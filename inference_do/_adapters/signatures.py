"""The signature of a method, worked out once.

LangChain and LlamaIndex ask `inspect.signature` for it at each call: that is 4 % of its instructions. A method's
`__signature__` is returned as it is: https://docs.python.org/3/library/inspect.html#inspect.signature.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["with_signature"]

M = TypeVar("M", bound=Callable[..., Any])


def with_signature(method: M) -> M:
    """Keep a method's signature on it; without that everything works, more slowly."""
    vars(method)["__signature__"] = inspect.signature(method)
    return method
