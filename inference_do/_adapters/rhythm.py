"""When a growing text is read again."""

from __future__ import annotations

__all__ = ["Rhythm"]

SHORT = 2000  # characters of arguments that are read anew at every chunk


class Rhythm:
    """When a growing text is read again: a long one when it has grown by a sixteenth.

    So all readings together take time in proportion to its length.
    """

    __slots__ = ("_due", "read")

    def __init__(self) -> None:
        self.read = 0
        """The length that was read last."""
        self._due = 0

    def is_due(self, length: int) -> bool:
        """Return whether a text of this length is to be read."""
        if length < self._due:
            return False
        self.read, self._due = length, length + max(1, length // 16 if length >= SHORT else 0)
        return True
