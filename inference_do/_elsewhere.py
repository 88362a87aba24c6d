"""Calls to a presigned URL, which is of another host than the API's: storage, for the files of batches."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from html import unescape
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from ._keys import MASK
from ._protocol.call import Call, KeylessRequest
from ._protocol.retry import Budget, Policy
from ._urls import LONGEST_URL
from .config import Config
from .errors import ProtocolError

__all__ = ["call_elsewhere"]

EXPIRED = "the presigned URL was refused: it may have expired, which it does after about 15 minutes"
LONGEST = 4 * LONGEST_URL
"""Characters of a presigned URL, which has a signature and sometimes a token in it."""


def call_elsewhere(
    config: Config, url: SecretStr, *, budget: Budget, file: BinaryIO | None = None
) -> tuple[Config, Call, KeylessRequest]:
    """Prepare a call to a presigned URL: a PUT of a file, else a GET.

    Either may be sent again whatever happened to it: the same bytes go to the same place.

    Returns:
        The client's settings with the other host's address, the call, and its request.

    Raises:
        ProtocolError: The URL is none that a file may be sent to: it is not https, unless the API itself is not.
    """
    address = _checked(url.get_secret_value(), allow_http=config.base_url.startswith("http:"))
    config = replace(config, base_url=address)
    headers = {"accept": "*/*", "accept-encoding": "identity", "user-agent": config.user_agent}
    if file is not None:
        # another media type than this would have to be the one that the URL was signed for
        headers["content-type"] = "application/octet-stream"
        headers["content-length"] = str(file.seek(0, os.SEEK_END))
    call = Call(
        timeout=config.timeout,
        policy=Policy(max_retries=config.max_retries, retry_ambiguous=True),
        budget=budget,
        scrub=lambda text: _without_url(text, url.get_secret_value()),
        hint=lambda status, _: EXPIRED if status in {400, 401, 403} else None,
        peer=config.peer,
        path="file at a presigned URL",
    )
    request = KeylessRequest(
        method="GET" if file is None else "PUT",
        url=url.get_secret_value(),
        headers=headers,
        query={},
        content=None,
        file=file,
    )
    return config, call, request


def _checked(url: str, *, allow_http: bool) -> str:
    """Return a URL's scheme, host and port.

    Raises:
        ProtocolError: It is no such URL.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host = ""
    is_safe = host and parts.scheme in ({"https", "http"} if allow_http else {"https"})
    if not is_safe or parts.username is not None or len(url) > LONGEST or not url.isascii() or not url.isprintable():
        message = "the API gave a presigned URL that cannot be used: it must be https, without a user name"
        raise ProtocolError(message)
    return f"{parts.scheme}://{parts.netloc}"


def _without_url(text: str, url: str) -> str:
    """Return what storage says without the URL: its errors spell out what was signed, in XML."""
    if code := re.search(r"<Code>([^<]{1,100})</Code>", text):
        message = re.search(r"<Message>([^<]{1,300})</Message>", text)
        text = f"{code[1]}: {unescape(message[1])}" if message else code[1]
    parts = urlsplit(url)
    values = [value for pair in parts.query.split("&") if len(value := pair.partition("=")[2]) >= SHORTEST]
    for secret in {url, parts.query, *values, *map(unquote, values)} - {""}:
        text = text.replace(secret, MASK)
    return text


SHORTEST = 8
"""Characters of a query's value that may be a part of its signature."""
