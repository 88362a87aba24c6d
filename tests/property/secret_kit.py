"""Keys by chance, and a search for pieces of them in whatever can be written down of an object or an error."""

from __future__ import annotations

import copy
import logging
import pickle
import string
import traceback
from contextlib import contextmanager
from importlib.util import find_spec
from random import Random
from types import FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from pydantic import SecretStr

from inference_do import InferenceError, Timeout
from inference_do.config import Secret
from inference_do.emulator import ErrorEvent, Fault, Redirect, Reset, Stall, Status, Truncate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PIECE = 6
"""So many characters of a key in a row are taken for a leak."""

ALPHABETS = {
    "letters and digits": string.ascii_letters + string.digits,
    "capitals": string.ascii_uppercase,
    "url": string.ascii_letters + string.digits + "-_.~",
    "base64": string.ascii_letters + string.digits + "+/=",
    "all that is allowed": "".join(map(chr, range(0x21, 0x7F))),
}


def random_key(alphabet: str, length: int, seed: int) -> str:
    """Make a key that nothing else looks like: chance chooses each character, also where hypothesis shrinks."""
    return "".join(Random(f"{seed} {length}").choices(ALPHABETS[alphabet], k=length))


KEYS = st.builds(random_key, st.sampled_from(list(ALPHABETS)), st.integers(16, 90), st.integers(0, 2**32))


class Holder:
    """Holds a key and does not show it, so that a test's own frames are no leak."""

    def __init__(self, value: Any) -> None:
        self._get = lambda: value

    def get(self) -> Any:
        return self._get()

    def __repr__(self) -> str:
        return "Holder()"


def caught(call: Callable[[], Any]) -> Any:
    """Return what a call gives or raises; this frame, where a traceback begins, does not have the key."""
    try:
        return call()
    except InferenceError as error:
        return error


async def acaught(call: Callable[[], Any]) -> Any:
    """The same for a coroutine."""
    try:
        return await call()
    except InferenceError as error:
        return error


def refusal(call: Callable[[], Any]) -> InferenceError:
    """Return the error that a call ends in."""
    error = caught(call)
    assert isinstance(error, InferenceError), "this should have been refused"
    return error


def leaks(key: str, *texts: str | bytes) -> set[str]:
    """Return the pieces of a key that stand in the texts, as they are or behind the backslashes of Python and JSON."""
    shown = "\n".join(text.decode("latin-1") if isinstance(text, bytes) else text for text in texts)
    plain = {piece for piece in _pieces(key) if piece in shown}
    bare = shown.replace("\\", "")
    return plain | {piece for piece in _pieces(key.replace("\\", "")) if piece in bare}


def _pieces(key: str) -> set[str]:
    return {key[start : start + PIECE] for start in range(len(key) - PIECE + 1)}


# --- a failure of every class ---

PATIENT, QUICK = Timeout(first_token=30, idle=30), Timeout(connect=5, first_token=0.3, idle=0.3)


def timeout_for(name: str) -> Timeout:
    """Return the limits for a call that is to end with this class of error."""
    return QUICK if name == "APITimeoutError" else PATIENT


def error_body(message: str = "no", **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, **more}}


FAULTS: dict[str, Fault] = {
    # class of the error: what the emulator does
    "BadRequestError": Status(400),
    "ContextLengthError": Status(400, error_body(code="context_length_exceeded")),
    "AuthenticationError": Status(401),
    "PermissionDeniedError": Status(403),
    "NotFoundError": Status(404),
    "ConflictError": Status(409),
    "RateLimitError": Status(429),
    "QuotaExceededError": Status(402),
    "ServerError": Status(503, "<html><title>x</title></html>"),
    "APIStatusError": Status(418),
    "APIConnectionError": Reset(before_head=True),
    "APITimeoutError": Stall(before_head=True, seconds=1.0),
    "ProtocolError": Redirect(307, "https://elsewhere.example/v1"),
    "StreamInterrupted": Truncate(after_events=2),
    "StreamFailed": ErrorEvent(after_events=2),
}


# --- what can be written down ---


def forms(thing: Any) -> list[str]:
    """Return the usual renderings of any object: printed, pickled, copied."""
    shown = [repr(thing), str(thing), f"{thing}", f"{thing!r:>5}"]
    for write in (pickle.dumps, copy.copy, copy.deepcopy):
        try:
            shown.append(repr(write(thing)))
        except TypeError as error:  # some things refuse, and say what they are
            shown.append(str(error))
    return shown


def inside(thing: Any, depth: int = 6) -> list[str]:
    """Return the text of everything that can be reached by attributes and items, private ones too.

    Where a secret stands one has to reach for it on purpose, and this does not.
    """
    texts: list[str] = []
    seen: set[int] = set()

    def walk(value: Any, left: int) -> None:
        if isinstance(value, str | bytes):
            texts.append(str(value))
        if left == 0 or id(value) in seen or isinstance(value, CLOSED):
            return
        seen.add(id(value))
        if isinstance(value, dict):
            for name, item in list(value.items()):
                walk(name, left - 1)
                walk(item, left - 1)
        elif isinstance(value, list | tuple | set | frozenset):
            for item in list(value):
                walk(item, left - 1)
        else:
            texts.append(safe_repr(value))
            slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
            held = {**getattr(value, "__dict__", {}), **{name: getattr(value, name, None) for name in slots}}
            private = getattr(value, "__pydantic_private__", None) or {}
            for item in (*held.values(), *private.values()):
                walk(item, left - 1)

    walk(thing, depth)
    return texts


CLOSED = (Secret, SecretStr, Holder, ModuleType, FunctionType, MethodType, type, str, bytes, int, float)


def safe_repr(value: Any) -> str:
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001  what a foreign object says of itself is its own business
        return repr(error)


def of_error(error: BaseException) -> list[str]:
    """Return everything that can be written down of an error, of what led to it, and of the frames it passed."""
    shown = [*forms(error)]
    link: BaseException | None = error
    seen: list[BaseException] = []
    while link is not None and link not in seen:
        seen.append(link)
        shown += [str(link), repr(link), repr(link.args), *inside(link), *getattr(link, "__notes__", ())]
        link = link.__cause__ or link.__context__
    shown += traceback.format_exception(error)
    shown += traceback.TracebackException.from_exception(error, capture_locals=True).format()
    return [*shown, *in_colours(error)]


def in_colours(error: BaseException) -> list[str]:
    """Return what rich would print of the frames and their variables, where rich is installed."""
    if find_spec("rich") is None:
        return []
    from rich.traceback import Traceback

    trace = Traceback.extract(
        type(error), error, error.__traceback__, show_locals=True, locals_max_length=1000, locals_max_string=None
    )
    return [repr(trace)]


class Everything(logging.Handler):
    """Keeps all that is logged, at any level, by anyone but the server."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def texts(self) -> list[str]:
        formatter = logging.Formatter("%(name)s %(message)s")
        return [f"{formatter.format(record)} {record.args!r} {vars(record)!r}" for record in self.records]


@contextmanager
def logged() -> Iterator[Everything]:
    """Listen to all loggers at DEBUG, those that exist already too."""
    handler, root = Everything(), logging.getLogger()
    named = [logger for logger in logging.Logger.manager.loggerDict.values() if isinstance(logger, logging.Logger)]
    before = [(logger, logger.level, logger.propagate, logger.disabled) for logger in (root, *named)]
    for logger, *_ in before:
        logger.setLevel(logging.DEBUG)
        logger.disabled, logger.propagate = False, True
    root.addHandler(handler)
    try:
        yield handler
    finally:
        root.removeHandler(handler)
        for logger, level, propagate, disabled in before:
            logger.setLevel(level)
            logger.propagate, logger.disabled = propagate, disabled
