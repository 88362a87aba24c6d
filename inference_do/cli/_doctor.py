"""`inference-do doctor`: from the key to an answer, one step after another, each with what a failure means."""

from __future__ import annotations

import os
import platform
import time
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from rich.console import Console

from inference_do import (
    APIConnectionError,
    APIStatusError,
    AuthenticationError,
    Client,
    ConfigError,
    EmptyAnswerWarning,
    InferenceError,
    PermissionDeniedError,
    ResponseInfo,
    __version__,
    closest_models,
    model_info,
)
from inference_do._keys import find_key
from inference_do.config import BASE_URL, BASE_URL_VARIABLE, KEY_VARIABLES

from ._screen import errors, screen, write

__all__ = ["examine"]

PACKAGES = ("inference-do", "httpx", "httptools", "pydantic", "langchain-core", "llama-index-core")


@dataclass(frozen=True, slots=True)
class KeyKind:
    """A kind of key, by how it begins."""

    prefix: str
    name: str
    when_refused: str
    """What a 401 means for it."""


KINDS = (
    KeyKind("sk-do-", "a model access key", "it was deleted or regenerated: make a new one in the control panel"),
    KeyKind("dop_v1_", "a personal access token", "it has expired, or was not made with full access, which it needs"),
    KeyKind("doo_v1_", "an OAuth token", "it has expired, or lacks the scope genai:read or inference:query"),
)
UNKNOWN = KeyKind("", "of no known kind", "it may be an agent's key, which only that agent takes, or cut when copied")

FORBIDDEN = (
    "The key is known, and may not do this. For a model: it is not in the account's tier, or the key is limited to "
    "other models. For everything at once: the prepaid balance is used up, or the key is bound to a VPC that this "
    "machine is not in."
)


def examine(*, model: str | None, base_url: str | None) -> int:
    """Examine everything that a call needs.

    Args:
        model: A model to call, or None.
        base_url: Where the API is.

    Returns:
        0 if all is well, else 1.
    """
    console = screen()
    for name in PACKAGES:
        _note(console, name, _version(name))
    _note(console, "python", platform.python_version())
    kind = _key(console)
    if kind is None:
        return 1
    try:
        client = Client(base_url=base_url, max_retries=0, timeout=30)
    except ConfigError as error:
        return _bad(console, "address", str(error))
    source = "--base-url" if base_url else BASE_URL_VARIABLE if os.environ.get(BASE_URL_VARIABLE) else "the default"
    usual = "" if client.base_url == BASE_URL else ", which is not DigitalOcean's serverless API"
    _good(console, "address", f"{client.base_url} (from {source}){usual}")
    with client:
        code = _reach(console, client, kind)
        return _call(console, client, kind, model) if model and not code else code


def _key(console: Console) -> KeyKind | None:
    name = next((name for name in KEY_VARIABLES if os.environ.get(name)), None)
    if name is None:
        _bad(console, "key", f"none: set {KEY_VARIABLES[0]} (also read: {', '.join(KEY_VARIABLES[1:])})")
        return None
    try:
        key = find_key(None).get_secret_value()
    except ConfigError as error:
        _bad(console, "key", str(error))
        return None
    kind = next((kind for kind in KINDS if key.startswith(kind.prefix)), UNKNOWN)
    _good(console, "key", f"{kind.name}, from {name}")
    return kind


def _reach(console: Console, client: Client, kind: KeyKind) -> int:
    started = time.monotonic()
    try:
        response = client.request("/models")
    except InferenceError as error:
        return _failed(console, "list of models", error, kind)
    took = f"{(time.monotonic() - started) * 1000:.0f} ms"
    listed = (response.model_extra or {}).get("data") or []
    _good(console, "list of models", f"{len(listed)} models in {took}; not every key may call all of them")
    _limits(console, response.response_info)
    return 0


def _limits(console: Console, info: ResponseInfo | None) -> None:
    limits = info.limits if info else {}
    if not limits:
        _note(console, "limits", "not in this response; --model NAME makes a call, whose response has them")
    for name, limit in limits.items():
        again = ""
        if not limit.remaining and limit.reset:
            again = f", again {_time(limit.reset)}"
        report = _good if limit.remaining else _bad
        report(console, f"limit of {name.replace('-', ' ')}", f"{limit.remaining:,} of {limit.limit:,} left{again}")


def _time(reset: int) -> str:
    try:
        return f"at {datetime.fromtimestamp(reset, UTC):%H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):  # what Python has no date for
        return "in a time beyond all dates"


def _call(console: Console, client: Client, kind: KeyKind, model: str) -> int:
    info = model_info(model)
    if not info.is_known:
        close = closest_models(model)
        _note(console, "model", f"nothing is known of {model!r}" + (f"; closest: {', '.join(close)}" if close else ""))
    started = time.monotonic()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", EmptyAnswerWarning)
            asked = [{"role": "user", "content": "Say ok."}]
            answer = client.chat(model=model, messages=asked, max_completion_tokens=16)
    except InferenceError as error:
        return _failed(console, f"a call of {model}", error, kind)
    route = answer.response_info.route if answer.response_info else None
    by = f" by {answer.model}" if answer.model != model else ""
    chosen = f" (route {route})" if route else ""
    _good(console, f"a call of {model}", f"answered{by}{chosen} in {time.monotonic() - started:.1f} s")
    _limits(console, answer.response_info)
    return 0


def _failed(console: Console, what: str, error: InferenceError, kind: KeyKind) -> int:
    _bad(console, what, str(error))
    match error:
        case AuthenticationError():
            meaning = f"The API does not know the key. It is {kind.name}: {kind.when_refused}."
        case PermissionDeniedError():
            meaning = FORBIDDEN
        case APIStatusError(status=404):
            meaning = "The address is another API's, or the model has another id: inference-do models shows them."
        case APIConnectionError():
            meaning = "Nothing answered: check the address, the network, a proxy (HTTPS_PROXY) or a firewall."
        case _:
            return 1
    write(errors(), f"  {meaning}", "yellow")
    return 1


def _version(package: str) -> str:
    if package == "inference-do":
        return __version__
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _good(console: Console, what: str, text: str) -> int:
    write(console, "ok    ", "green", end="")
    write(console, f"{what}: {text}")
    return 0


def _note(console: Console, what: str, text: str) -> None:
    write(console, f"      {what}: {text}", "dim")


def _bad(console: Console, what: str, text: str) -> int:
    write(console, "wrong ", "red", end="")
    write(console, f"{what}: {text}")
    return 1
