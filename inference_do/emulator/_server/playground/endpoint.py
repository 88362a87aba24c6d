"""The playground's page and its control API, and who may ask for them.

The page is for people at this machine, and the control API for the page alone: its requests have the page's token, and
come from its origin. Another page in the same browser has no token, cannot read it (no CORS, whatever
`Emulator(cors=…)` allows), and is refused by its `Origin` or `Sec-Fetch-Site`; the host was checked before.
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
import time
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qs

from inference_do.emulator._faults.delivery import Delivery
from inference_do.emulator._faults.steps import Pause, Step, steps
from inference_do.emulator._http import Refusal, ServerResponse, error_body, json_response
from inference_do.limits import RateLimit
from inference_do.models import known_models

from .fault_forms import catalogue
from .journal import Journal
from .masks import Masks
from .switches import FaultSwitches

if TYPE_CHECKING:
    from inference_do.emulator._server.rate_limits import RateLimits
    from inference_do.emulator._server.records import Request

PREFIX = "/_playground/"
CHAT = "/v1/chat/completions"
TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
LARGEST_BODY = 64 * 1024
"""Bytes of a body of the control API."""
LONGEST_WAIT = 25.0
"""Seconds that a question for changes waits for one."""
EVERY = 0.1
"""Seconds between two looks for changes, and between two answers to one page while there are many."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = (
    ("cache-control", "no-store"),
    ("content-security-policy", POLICY),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
)

Answer = ServerResponse | Iterator[Step]
Handler = Callable[["Request", str], Answer]


class Playable(Protocol):
    """What the playground needs of its emulator."""

    api_key: str
    agent_key: str
    faults: Any
    always: Any

    @property
    def agent_url(self) -> str: ...
    @property
    def is_secure(self) -> bool: ...


class Playground:
    """The page and its control API.

    Args:
        emulator: Whose faults it switches.
        limits: The limits that it sets.
        keys: Keys that are never shown in a list.
    """

    def __init__(self, emulator: Playable, limits: RateLimits, keys: frozenset[str]) -> None:
        self._emulator = emulator
        self._limits = limits
        self._faults = FaultSwitches(emulator)
        self._token = secrets.token_urlsafe(24)
        self.journal = Journal(Masks(keys))
        folder = files(__package__).joinpath("page")
        self._files = {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir() if file.is_file()}
        self._routes: dict[str, dict[str, Handler]] = {
            "setup": {"GET": self._setup},
            "state": {"GET": self._state},
            "requests": {"DELETE": self._forget},
            "requests/ID": {"GET": self._details},
            "faults": {"POST": self._switch_on, "DELETE": self._switch_off},
            "faults/next": {"DELETE": self._switch_off},
            "faults/always/ID": {"DELETE": self._switch_off},
            "limits": {"PUT": self._limit, "DELETE": self._limit},
        }

    @staticmethod
    def owns(path: str) -> bool:
        """Return whether a path is the playground's."""
        return path == "/" or path.startswith(PREFIX)

    def answer(self, request: Request, refused: ServerResponse | None) -> Iterator[Step]:
        """Answer a request for a path of its own.

        Args:
            request: The request.
            refused: The answer if its host is none of this machine's.
        """
        try:
            answer = refused or self._routed(request)
        except Refusal as refusal:
            body = error_body(refusal.status, refusal.message, refusal.type)
            answer = json_response(body, status=refusal.status, headers=refusal.headers)
        if isinstance(answer, ServerResponse):
            return _sent(answer, request)
        return answer

    def _routed(self, request: Request) -> Answer:
        name = "index.html" if request.path == "/" else request.path.removeprefix(PREFIX)
        is_page = request.path == "/" or (name in self._files and name != "index.html")
        self._check_origin(request, is_link=request.path == "/")
        if is_page:
            _check_method(request, ["GET"])
            return self._file(name)
        route = re.sub(r"(?<=/)\d{1,9}$", "ID", name)
        if route not in self._routes:
            raise Refusal(404, f"no such path: {request.path}", "not_found_error")
        handlers = self._routes[route]
        _check_method(request, list(handlers))
        given = request.headers.get("x-playground-token", "")
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            raise Refusal(403, "the control API is for the page at / alone, which has a token; load it again")
        return handlers[request.method](request, name.rpartition("/")[2])

    def _check_origin(self, request: Request, *, is_link: bool) -> None:
        """Refuse what another page asks for, but for a link to the page.

        Raises:
            Refusal: 403.
        """
        host, origin = request.headers.get("host", ""), request.headers.get("origin")
        own = f"http{'s' if self._emulator.is_secure else ''}://{host}"
        site = request.headers.get("sec-fetch-site", "none")
        is_link = is_link and request.headers.get("sec-fetch-mode") == "navigate" and request.method == "GET"
        if origin not in {None, own} or (site not in {"none", "same-origin"} and not is_link):
            raise Refusal(403, "other pages may not ask the playground", "forbidden_error")

    def _file(self, name: str) -> ServerResponse:
        kind = TYPES.get(name.rpartition(".")[2], "application/octet-stream")
        text = self._files[name].replace("{{token}}", self._token) if name == "index.html" else self._files[name]
        return ServerResponse(headers=(("content-type", f"{kind}; charset=utf-8"),), pieces=(text.encode(),))

    # What the page reads ---------------------------------------------------------------------------------------------

    def _setup(self, *_: object) -> ServerResponse:
        """Return what does not change."""
        emulator = self._emulator
        chats = [id_ for id_, info in known_models().items() if info.endpoints and CHAT not in info.endpoints]
        keys = {"api_key": emulator.api_key, "agent_key": emulator.agent_key, "agent_url": emulator.agent_url}
        return json_response({**keys, "not_chat": chats, "faults": catalogue()})

    def _state(self, request: Request, _: str) -> Iterator[Step]:
        """Wait for a change after the one that the page knows, and return what is new."""
        asked = parse_qs(request.query)
        after, wait = _number(asked, "after", 0), min(_number(asked, "wait", 0), LONGEST_WAIT)

        def changed() -> Iterator[Step]:
            until = time.monotonic() + wait
            if after and wait:
                yield Pause(EVERY)
            while self.journal.version == after and time.monotonic() < until:
                yield Pause(EVERY)
            state = {
                "version": self.journal.version,
                "requests": self.journal.changed(int(after)),
                "ids": self.journal.ids,
                "faults": self._faults.state(),
                "limits": {"limit": _shown(self._limits.enforced), "left": self._limits.left()},
            }
            yield from _sent(json_response(state), request)

        return changed()

    def _details(self, _: Request, id_: str) -> ServerResponse:
        entry = self.journal.find(int(id_))
        if entry is None:
            raise Refusal(404, f"request {id_} is not kept any more", "not_found_error")
        return json_response(entry.details())

    # What the page sets ----------------------------------------------------------------------------------------------

    def _forget(self, *_: object) -> ServerResponse:
        self.journal.clear()
        return json_response({})

    def _switch_on(self, request: Request, _: str) -> ServerResponse:
        self._faults.switch_on(_object(request))
        self.journal.touch()
        return json_response(self._faults.state())

    def _switch_off(self, request: Request, name: str) -> ServerResponse:
        self._faults.switch_off(name if request.path.startswith(f"{PREFIX}faults/") else None)
        self.journal.touch()
        return json_response(self._faults.state())

    def _limit(self, request: Request, _: str) -> ServerResponse:
        limit = None if request.method == "DELETE" else _rate_limit(_object(request))
        self._limits.set(limit)
        self.journal.touch()
        return json_response({"limit": _shown(limit)})


def _sent(response: ServerResponse, request: Request) -> Iterator[Step]:
    response = ServerResponse(
        status=response.status, headers=(*response.headers, *HEADERS), pieces=response.pieces, chunked=False
    )
    close = request.headers.get("connection", "").lower() == "close"
    return steps(response, Delivery(), close=close, bodiless=request.method == "HEAD")


def _check_method(request: Request, taken: list[str]) -> None:
    if request.method not in taken:
        names = ", ".join(taken)
        raise Refusal(405, f"{request.path} takes {names}, not {request.method}", headers=(("allow", names),))


def _number(query: dict[str, list[str]], name: str, default: float) -> float:
    text = query.get(name, [str(default)])[-1]
    if not re.fullmatch(r"\d{1,15}(\.\d{1,6})?", text):
        raise Refusal(400, f"{name} must be a number from 0 up, not {text!r:.100}")
    return float(text)


def _object(request: Request) -> dict[str, Any]:
    """Return the JSON object that a request holds.

    Raises:
        Refusal: 413, 415 or 400.
    """
    if len(request.body) > LARGEST_BODY:
        raise Refusal(413, f"a body is at most {LARGEST_BODY:,} bytes here")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refusal(415, "content-type must be application/json")
    try:
        value = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, f"the body is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise Refusal(400, "the body must be a JSON object")
    return value


def _rate_limit(given: dict[str, Any]) -> RateLimit:
    if not given.keys() <= {"requests", "seconds", "tokens"}:
        raise Refusal(400, "a limit has requests, seconds and tokens, and nothing else")
    try:
        return RateLimit(**{name: value for name, value in given.items() if value is not None})
    except (ValueError, OverflowError) as error:
        raise Refusal(400, str(error)) from None


def _shown(limit: RateLimit | None) -> dict[str, Any] | None:
    return None if limit is None else {"requests": limit.requests, "seconds": limit.seconds, "tokens": limit.tokens}
