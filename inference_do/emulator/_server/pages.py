"""What pages in a browser may ask: nothing, unless the emulator was made to allow their origin, or has a page itself.

* A page of another origin sends `Origin`; one that is not allowed gets 403, and takes no element of a script.
* A page can make its own name point to this machine (DNS rebinding), and is then of the same origin. Its requests have
  that name as their host. So only names are answered that no such page has: those of this machine, those that are in no
  public DNS (without a dot, `.test`, `.localhost`: RFC 6761), and DigitalOcean's own, which tests lead here.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from inference_do.emulator._http import HeaderList, ServerResponse, error_body, json_response

if TYPE_CHECKING:
    from .records import Request

TOKENS = re.compile(r"[\w!#$%&'*+.^`|~ ,-]{1,1000}", re.ASCII)

OURS = (".localhost", ".test", ".do-ai.run", ".digitalocean.com")
"""How names end that no foreign page has."""


@dataclass(frozen=True, slots=True)
class Pages:
    """Whose pages may read the emulator's responses, and the names that it answers to besides the usual ones."""

    origins: frozenset[str]
    hosts: frozenset[str] = frozenset()
    own_scheme: str | None = None
    """Of the emulator's own page; None if it has none."""

    @classmethod
    def of(cls, cors: str | Iterable[str], hosts: str | Iterable[str] = (), own_scheme: str | None = None) -> Self:
        """Make it of origins, of which `*` allows all, of hosts, and of the scheme of the emulator's own page.

        Raises:
            ValueError: It is no origin.
        """
        origins = frozenset({cors} if isinstance(cors, str) else cors)
        for origin in origins:
            if origin != "*" and not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^/\s]+", origin):
                msg = f"cors takes origins such as 'http://localhost:3000', or '*' for all, not {origin!r}"
                raise ValueError(msg)
        return cls(origins, frozenset({hosts} if isinstance(hosts, str) else hosts), own_scheme)

    def answer(self, request: Request) -> ServerResponse | None:
        """Answer a page's question whether it may ask, or refuse its request; None for all other requests."""
        origin = request.headers.get("origin")
        if (refused := self.host_refusal(request)) is not None:
            return refused
        is_own = self.own_scheme is not None and origin == f"{self.own_scheme}://{request.headers.get('host')}"
        if origin is not None and not is_own and not self._allows(origin):
            return _refused(f"pages of {origin!r} may not ask: Emulator(cors=[{origin!r}]) allows them")
        if request.method == "OPTIONS" and origin is not None and "access-control-request-method" in request.headers:
            return ServerResponse(headers=_permission(request))
        return None

    def host_refusal(self, request: Request) -> ServerResponse | None:
        """Refuse a request for a host that is none of this machine's; None for all other requests."""
        host = request.headers.get("host")
        if host and not self._is_ours(_name_of(host)):
            return _refused(f"the emulator does not answer to the host {host!r}: Emulator(hosts=[...]) adds a name")
        return None

    def marked(self, response: ServerResponse, request: Request) -> ServerResponse:
        """Return a response that the page which asked for it may read."""
        origin = request.headers.get("origin")
        if origin is None or not self._allows(origin) or not origin.isprintable():
            return response
        own = (("access-control-allow-origin", origin), ("access-control-expose-headers", "*"), ("vary", "origin"))
        return replace(response, headers=(*response.headers, *own))

    def _is_ours(self, name: str) -> bool:
        if name in self.hosts or ("." not in name and ":" not in name) or name.endswith(OURS):
            return True
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return False

    def _allows(self, origin: str) -> bool:
        return bool(self.origins & {origin, "*"})


def _permission(request: Request) -> HeaderList:
    asked = request.headers.get("access-control-request-headers", "")
    headers = (
        ("access-control-allow-methods", "GET, POST"),
        ("access-control-allow-headers", asked if TOKENS.fullmatch(asked) else "authorization, content-type"),
        ("access-control-max-age", "600"),
    )
    if "access-control-request-private-network" in request.headers:
        return (*headers, ("access-control-allow-private-network", "true"))
    return headers


def _refused(message: str) -> ServerResponse:
    return json_response(error_body(403, message), status=403)


def _name_of(host: str) -> str:
    return re.sub(r":\d*$", "", host).lower().rstrip(".").strip("[]")
