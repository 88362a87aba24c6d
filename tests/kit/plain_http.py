"""Requests by httpx alone, over plain HTTP, each with a connection of its own.

`httpx.get` makes a client for each request, which loads the authorities of TLS: 20 ms of the processor.
"""

from __future__ import annotations

import httpx

_CLIENT = httpx.Client(trust_env=False, timeout=10, limits=httpx.Limits(max_keepalive_connections=0))
get, post = _CLIENT.get, _CLIENT.post
