"""Faults that the page has switched on: for the next requests, and for all until they are switched off."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from inference_do.emulator._http import Refusal

from .fault_forms import code_of, fault_of

if TYPE_CHECKING:
    from inference_do.emulator.faults import Fault

    Element = Fault | Sequence[Fault] | None

MOST_WAITING = 1_000
"""Elements of the script that may wait."""
MOST_SHOWN = 50


class HasScript(Protocol):
    """Whose script it is."""

    faults: deque[Element]
    always: Element


class FaultSwitches:
    """The fault script of an emulator, as a page sees it.

    Args:
        emulator: Whose script.
    """

    def __init__(self, emulator: HasScript) -> None:
        self._emulator = emulator

    def state(self) -> dict[str, Any]:
        """Return what is on: `always` as a list, `next` as runs of equal elements in their order."""
        runs = [(shown, len(list(run))) for shown, run in itertools.groupby(map(_shown, self._emulator.faults))]
        return {
            "always": [code_of(fault) for fault in _several(self._emulator.always)],
            "next": [{"fault": shown, "times": times} for shown, times in runs[:MOST_SHOWN]],
            "waiting": len(self._emulator.faults),
        }

    def switch_on(self, given: dict[str, Any]) -> None:
        """Switch on a fault: `{"fault", "fields", "times"}`, of which `times` is None until it is switched off.

        Raises:
            Refusal: 400.
        """
        if not given.keys() <= {"fault", "fields", "times"}:
            raise Refusal(400, "a switch has fault, fields and times, and nothing else")
        fault, times = fault_of(given.get("fault"), given.get("fields", {})), given.get("times", 1)
        if times is None:
            same = [other for other in _several(self._emulator.always) if type(other) is not type(fault)]
            self._emulator.always = (*same, fault)
            return
        left = MOST_WAITING - len(self._emulator.faults)
        if not isinstance(times, int) or isinstance(times, bool) or not 1 <= times <= MOST_WAITING:
            raise Refusal(400, f"times must be a whole number from 1 to {MOST_WAITING}, or null, not {times!r:.100}")
        if times > left:
            raise Refusal(400, f"{MOST_WAITING - left} requests have faults already; there is room for {left} more")
        self._emulator.faults.extend([fault] * times)

    def switch_off(self, name: str | None) -> None:
        """Switch off all faults (None), those of the next requests (`next`), or one of `always` by its position.

        Raises:
            Refusal: 404: there is none at this position.
        """
        if name in {None, "next"}:
            self._emulator.faults.clear()
        if name is None:
            self._emulator.always = None
        elif name != "next":
            kept = list(_several(self._emulator.always))
            if int(name) >= len(kept):
                raise Refusal(404, f"no fault at position {name} is on", "not_found_error")
            del kept[int(name)]
            self._emulator.always = tuple(kept) or None


def _several(element: Element) -> Sequence[Fault]:
    if element is None:
        return ()
    return element if isinstance(element, Sequence) else (element,)


def _shown(element: Element) -> str:
    return " and ".join(map(code_of, _several(element))) or "None"
