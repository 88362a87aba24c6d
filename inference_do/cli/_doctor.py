"""`inference-do doctor`: from the key to an answer, one step after another, each with how to mend a failure."""

from __future__ import annotations

import json
import os
import time
import warnings
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import urlsplit

from inference_do import (
    APIConnectionError,
    AuthenticationError,
    Client,
    ConfigError,
    EmptyAnswerWarning,
    InferenceError,
    NotFoundError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
    ResponseInfo,
    ServerError,
    closest_models,
    model_info,
)
from inference_do._secrets import Secrets
from inference_do.config import BASE_URL, BASE_URL_VARIABLE, KEY_VARIABLES

from ._command import FAILED
from ._report import KeyKind, find_proxy, kind_of_key, name_of_key, source_of_url, versions
from ._screen import say, screen

__all__ = ["examine"]

FIXES: tuple[tuple[type[InferenceError], str], ...] = (
    (ConfigError, "inference-do models shows the models, and what they can do."),
    (AuthenticationError, "The API does not know the key. It is {kind}: {refused}."),
    (
        PermissionDeniedError,
        (
            "The key is known, and may not do this. For a model: it is not in the account's tier, or the key is "
            "limited to other models. For everything at once: the prepaid balance is used up, or the key is bound to a "
            "VPC that this machine is not in."
        ),
    ),
    (
        NotFoundError,
        "The address is another API's, or the model has another id: inference-do models shows them.",
    ),
    (QuotaExceededError, "The quota or the prepaid balance is used up: add to it in the control panel."),
    (RateLimitError, "Wait and try again; calls of the library wait by themselves."),
    (ServerError, "The API fails: try again later; https://status.digitalocean.com tells of outages."),
    (InferenceError, "What answers at {url} is not this API, or something before it: check the address."),
)
"""How to mend what a call ended in, by the first class that it is of."""
INDENT = 7
STYLES = {"ok": "green", "wrong": "red", "note": "dim"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    status: Literal["ok", "wrong", "note"]
    text: str
    fix: str = ""


@dataclass(slots=True)
class Examination:
    """What was found so far; each finding is shown when it is made, or all at the end as JSON."""

    as_json: bool
    base_url: str | None
    findings: list[Finding] = field(default_factory=list)
    secrets: Secrets = field(default_factory=Secrets)

    def good(self, name: str, text: str) -> None:
        """Note what is as it should be."""
        self._add(Finding(name, "ok", text))

    def note(self, name: str, text: str) -> None:
        """Note what is neither good nor wrong."""
        self._add(Finding(name, "note", text))

    def wrong(self, name: str, text: str, fix: str) -> None:
        """Note what is wrong, and how to mend it."""
        self._add(Finding(name, "wrong", text, fix))

    def _add(self, finding: Finding) -> None:
        finding = Finding(**self.secrets.hide(asdict(finding)))  # an address, a model's name or an error may hold a key
        self.findings.append(finding)
        if self.as_json:
            return
        word = "" if finding.status == "note" else finding.status
        style = STYLES[finding.status]
        label = f"{word:<{INDENT}}" if word else ""
        say(screen(), f"{label or ' ' * INDENT}{finding.name}: {finding.text}", style, indent=INDENT, label=label)
        if finding.fix:
            say(screen(), f"{'fix':<{INDENT}}{finding.fix}", "bold", indent=INDENT)

    @property
    def is_well(self) -> bool:
        """Whether nothing is wrong."""
        return all(finding.status != "wrong" for finding in self.findings)


def examine(*, model: str | None, base_url: str | None, as_json: bool) -> int:
    """Examine everything that a call needs.

    Args:
        model: A model to call, or None.
        base_url: Where the API is.
        as_json: One JSON object instead of lines.

    Returns:
        The exit code: 0 if all is well.
    """
    found = Examination(as_json, base_url)
    if not as_json:
        found.note("versions", ", ".join(f"{name} {text}" for name, text in versions().items()))
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        _examine_all(found, model)
    for text in dict.fromkeys(str(w.message) for w in warned if not issubclass(w.category, EmptyAnswerWarning)):
        found.note("note", text)
    if as_json:
        checks = [asdict(finding) for finding in found.findings]
        print(json.dumps({"ok": found.is_well, "checks": checks, "versions": versions()}))  # noqa: T201  data
    return 0 if found.is_well else FAILED


def _examine_all(found: Examination, model: str | None) -> None:
    """Go on until something is wrong that what follows needs."""
    kind = _key(found)
    if kind is None or not (client := _address(found)):
        return
    with client:
        if _proxy(found) and _reach(found, client, kind, shows_limits=model is None) and model:
            _call(found, client, kind, model)


def _key(found: Examination) -> KeyKind | None:
    name = name_of_key()
    advice = f"export {KEY_VARIABLES[0]}=KEY; the control panel makes model access keys"
    if name is None:
        found.wrong("key", f"none of {', '.join(KEY_VARIABLES)} is set", advice)
        return None
    try:
        kind = kind_of_key()
    except ConfigError as error:
        found.wrong("key", f"{error} (from {name})", f"copy the key again, and set {name}")
        return None
    found.good("key", f"{kind.name}, from {name}")
    others = [other for other in KEY_VARIABLES if other != name and os.environ.get(other)]
    if others:
        found.note("key", f"{', '.join(others)} {'is' if len(others) == 1 else 'are'} set too, and not used")
    return kind


def _address(found: Examination) -> Client | None:
    source = source_of_url(found.base_url)
    try:
        client = Client(base_url=found.base_url, max_retries=0, timeout=30)
    except ConfigError as error:
        mending = f"unset {BASE_URL_VARIABLE}" if source == BASE_URL_VARIABLE else f"leave out {source}"
        found.wrong("address", f"{error} (from {source})", f"{mending}: {BASE_URL} is then asked")
        return None
    usual = "" if client.base_url == BASE_URL else ", which is not DigitalOcean's serverless API"
    found.good("address", f"{client.base_url} (from {source}){usual}")
    return client


def _proxy(found: Examination) -> bool:
    try:
        proxy = find_proxy(found.base_url)
    except ConfigError as error:
        found.wrong("proxy", str(error), "set HTTPS_PROXY to a URL such as http://proxy.example.com:3128, or unset it")
        return False
    found.note("proxy", f"requests go through {proxy}" if proxy else "none")
    return True


def _reach(found: Examination, client: Client, kind: KeyKind, *, shows_limits: bool) -> bool:
    started = time.monotonic()
    try:
        response = client.request("/models")
    except InferenceError as error:
        found.wrong("list of models", str(error), _fix_of(found, client, error, kind))
        return False
    took = f"{(time.monotonic() - started) * 1000:.0f} ms"
    listed = (response.model_extra or {}).get("data") or []
    found.good("list of models", f"{len(listed)} models in {took}; not every key may call all of them")
    if shows_limits:
        _limits(found, response.response_info)
    return True


def _limits(found: Examination, info: ResponseInfo | None) -> None:
    limits = info.limits if info else {}
    if not limits:
        found.note("limits", "not in this response; --model NAME makes a call, whose response has them")
    for name, limit in limits.items():
        again = f", again {_time(limit.reset)}" if not limit.remaining and limit.reset else ""
        text = f"{limit.remaining:,} of {limit.limit:,} left{again}"
        if limit.remaining:
            found.good(f"limit of {name.replace('-', ' ')}", text)
        else:
            found.wrong(f"limit of {name.replace('-', ' ')}", text, "wait, or ask for a higher tier")


def _time(reset: int) -> str:
    try:
        return f"at {datetime.fromtimestamp(reset, UTC):%H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):  # what Python has no date for
        return "in a time beyond all dates"


def _call(found: Examination, client: Client, kind: KeyKind, model: str) -> None:
    if not model_info(model).is_known:
        close = closest_models(model)
        found.note("model", f"nothing is known of {model!r}" + (f"; closest: {', '.join(close)}" if close else ""))
    started = time.monotonic()
    asked = [{"role": "user", "content": "Say ok."}]
    try:
        answer = client.chat(model=model, messages=asked, max_completion_tokens=16)
    except InferenceError as error:
        found.wrong(f"a call of {model}", str(error), _fix_of(found, client, error, kind))
        return
    info = answer.response_info
    by = f" by {answer.model}" if answer.model != model else ""
    details = [f"route {info.route}"] if info and info.route else []
    details += [f"api {info.api}"] if info and info.api else []
    chosen = f" ({', '.join(details)})" if details else ""
    found.good(f"a call of {model}", f"answered{by}{chosen} in {time.monotonic() - started:.1f} s")
    _limits(found, info)


def _fix_of(found: Examination, client: Client, error: InferenceError, kind: KeyKind) -> str:
    """Return how to mend what a call ended in."""
    if isinstance(error, APIConnectionError):
        return _fix_of_connection(found, client, error)
    fix = next(fix for class_, fix in FIXES if isinstance(error, class_))
    return fix.format(kind=kind.name, refused=kind.when_refused, url=client.base_url)


def _fix_of_connection(found: Examination, client: Client, error: APIConnectionError) -> str:
    source, host = source_of_url(found.base_url), urlsplit(client.base_url).hostname
    if "certificate" in error.message.lower():
        return (
            "Set SSL_CERT_FILE to a PEM file with the authority that signed the certificate; a company's proxy has one "
            "of its own."
        )
    if proxy := find_proxy(found.base_url):
        return f"Nothing answered through the proxy {proxy}: check it, or set NO_PROXY={host}."
    if client.base_url != BASE_URL:
        return f"Nothing answered: start what should answer at {client.base_url}, or correct {source}."
    return f"Nothing answered: check the network and firewalls; where a proxy is needed, set HTTPS_PROXY (for {host})."
