"""Settings are taken or refused with `ConfigError`, whatever they are; what is taken can be sent.

No refusal of a key shows six characters of it. `PROPERTY_SCALE` multiplies the examples.
"""

from __future__ import annotations

import copy
import decimal
import pickle
import re
from fractions import Fraction
from typing import Any
from urllib.parse import urlsplit

import pytest
from http11_kit import Recorder, sent
from hypothesis import given
from hypothesis import strategies as st
from property_kit import examples
from pydantic import SecretStr
from secret_kit import KEYS, Holder, caught, leaks, refusal

from inference_do import AsyncClient, Client, ConfigError, InferenceError, Timeout
from inference_do.config import Config, check_base_url, check_headers

URL = "http://127.0.0.1:9/v1"
ASK: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
ANY = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.binary(max_size=4)
    | st.decimals()
    | st.fractions()
    | st.complex_numbers()
    | st.lists(st.integers(), max_size=2)
    | st.dictionaries(st.text(max_size=2), st.integers(), max_size=2)
)
MADE = {"host", "connection", "accept", "accept-encoding", "user-agent", "authorization"}
"""What is in every request."""
WILD = (
    st.text(max_size=30)
    | st.text(st.characters(max_codepoint=0x17F), max_size=30)
    | st.text("\r\n\0\t \x7f\u201dab", max_size=9)
)


def built(**settings: Any) -> Config | ConfigError:
    try:
        return Config.build(settings.pop("api_key", "k"), **{"base_url": URL, **settings})
    except ConfigError as error:
        return error


def rendered(error: InferenceError) -> str:
    forms = [str(error), repr(error), repr(error.args), repr(vars(error)), repr(pickle.dumps(error))]
    chain = [repr(error.__cause__), repr(error.__context__), repr(copy.deepcopy(error))]
    return "\n".join([*forms, *chain])


def check_sendable(config: Config) -> None:
    """Have clients of both kinds ask for something: what was taken at construction is sent, or is refused then."""
    settings = {
        "base_url": config.base_url,
        "allow_http": True,
        "default_headers": config.headers,
        "default_query": config.query,
    }
    networks = []
    for kind in (Client, AsyncClient):
        try:
            networks.append(sent(kind, config.secret.get_secret_value, **settings))
        except ConfigError:
            continue
        check_sent(networks[-1], config)
    if networks:
        threads, loops = networks
        assert (threads.requests, threads.origins) == (loops.requests, loops.origins)


def check_sent(network: Recorder, config: Config) -> None:
    """What went over the wire is a request as it should be, with the key and nothing that was not meant."""
    (request,) = network.requests
    first, *headers = request.decode("ascii").removesuffix("\r\n\r\n").split("\r\n")
    assert re.fullmatch(r"GET /[!-~]* HTTP/1\.1", first)
    assert f"Authorization: Bearer {config.secret.get_secret_value()}" in headers
    assert all(re.fullmatch(r"[!-~]+: [\t -~]*", header) for header in headers)
    named = {name.lower(): value for name, value in (header.split(": ", 1) for header in headers)}
    assert len(named) == len(headers)
    assert named.keys() == {*MADE, *config.headers}
    assert all(named[name] == value for name, value in config.headers.items())
    ((scheme, host, port),) = network.origins
    assert scheme == urlsplit(config.base_url).scheme
    assert host
    assert 0 <= port <= 65535
    assert "@" not in named["host"]


# --- keys ---


@given(KEYS, st.text(max_size=4), st.text(max_size=4), st.integers(0, 99))
@examples(150)
def test_a_key_with_anything_in_and_around_it(key, before, after, place):
    text = before + key[: place % len(key)] + after + key[place % len(key) :]
    for given_key in (text, SecretStr(text)):
        result = built(api_key=given_key)
        if isinstance(result, Config):
            assert result.secret.get_secret_value() == text.strip(" \t\r\n")
            assert not leaks(key, repr(result), repr(result.secret), str(vars(result)))
            check_sendable(result)
        else:
            assert not leaks(key, rendered(result))
            assert "API key" in str(result)


@given(WILD)
@examples(150)
def test_a_key_of_any_text(text):
    result = built(api_key=text)
    if isinstance(result, Config):
        check_sendable(result)
    elif len(text) >= 12 and len(set(text)) >= 8:
        assert text not in rendered(result)


@given(ANY)
@examples(80)
def test_a_key_of_any_kind(value):
    result = built(api_key=value) if value is not None else None
    assert (
        result is None or isinstance(result, ConfigError) or result.secret.get_secret_value() == value.strip(" \t\r\n")
    )


@given(KEYS, WILD | ANY)
@examples(100)
def test_a_function_may_give_anything(key, junk):
    """A key that is asked for at the time of the call is refused like one that is given."""
    secret = Holder(key + junk if isinstance(junk, str) else junk)
    result = caught(lambda: sent(Client, secret.get, base_url=URL))
    assert not isinstance(result, InferenceError) or not leaks(key, rendered(result))


# --- where to send ---

HOSTS = st.sampled_from(
    ["a.b", "127.0.0.1", "[::1]", "localhost", "☃.net", "xn--a", "faß.de", "a..b", "1.2.3.4.5", "[::1%lo]", "_", "-a-",
     "xn--", "a" * 64, "\uff41.b", "😀.x", "a_b.c"]
) | st.text(max_size=8)  # fmt: skip
URLS = st.builds(
    lambda scheme, host, port, path: f"{scheme}{host}{port}{path}",
    st.sampled_from(["https://", "http://", "HTTPS://", "https:", "//", "", "ftp://", " https://", "https:///"]),
    HOSTS,
    st.sampled_from(["", ":", ":443", ":0", ":65535", ":65536", ":-1", ":x", ":٣"]),
    st.sampled_from(
        ["", "/", "/v1", "//v1//", "/%zz", "/ü", "/a b", "/..", "/;x", "\\v1", "/\x01", "\n", "/" + "a" * 70_000]
    )
    | st.text(max_size=6),
)


@pytest.mark.parametrize("url", ["https://[::1]x/v1", "https://[::1%lo]\\v1"])
def test_a_base_url_with_something_behind_an_address_in_brackets(url):
    assert isinstance(built(base_url=url), ConfigError)


@given(URLS | WILD, st.booleans())
@examples(400)
def test_a_base_url_of_any_text(url, allow_http):
    result = built(base_url=url or "x", allow_http=allow_http)
    if isinstance(result, Config):
        assert result.base_url == check_base_url(result.base_url, allow_http=allow_http), "taken once, taken again"
        parts = urlsplit(result.base_url)
        host = (parts.hostname or "").partition("%")[0]  # of an address with a zone, the address
        assert parts.scheme == "https" or allow_http or host in {"localhost", "::1"} or host.startswith("127.")
        assert not parts.query
        check_sendable(result)


@given(ANY)
@examples(50)
def test_a_base_url_of_any_kind(value):
    result = built(base_url=value)
    assert isinstance(result, ConfigError) or not value


@given(KEYS, st.sampled_from(["https://{}@h/v1", "https://u:{}@h/v1", "https://h/v1?key={}", "https://h/v1#{}"]))
@examples(100)
def test_a_key_in_a_base_url_is_refused_and_not_repeated(key, form):
    result = built(api_key=key, base_url=form.format(key))
    assert isinstance(result, ConfigError)
    assert not leaks(key, rendered(result))


# --- headers and query ---


@given(st.dictionaries(WILD | st.sampled_from(["X-A", "authorization", "Content-Length", "host"]), WILD, max_size=4))
@examples(250)
def test_headers_of_any_text(headers):
    result = built(default_headers=headers)
    if isinstance(result, Config):
        assert all(not set("\r\n\0") & set(name + value) for name, value in result.headers.items())
        assert "authorization" not in result.headers
        check_sendable(result)


@given(st.dictionaries(ANY.filter(lambda value: isinstance(value, int | float | str | bytes)), ANY, max_size=3) | ANY)
@examples(100)
def test_headers_and_query_of_any_kind(value):
    for name in ("default_headers", "default_query"):
        result = built(**{name: value})
        if isinstance(result, Config):
            check_sendable(result)


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=()), max_size=4),
        st.text(st.characters(exclude_categories=()), max_size=6),
        max_size=3,
    )
)
@examples(100)
def test_a_query_of_any_text_is_sent_or_refused(query):
    result = built(default_query=query)
    if isinstance(result, Config):
        check_sendable(result)


@given(KEYS, st.text(max_size=3))
@examples(50)
def test_a_secret_in_a_header_is_not_repeated(key, junk):
    for headers in ({"Authorization": f"Bearer {key}"}, {"x-gate": f"{key}\n{junk}."}, {"x-gate": f"{key}\u201d"}):
        refused = refusal(lambda headers=headers: check_headers(headers, name="default_headers"))
        assert not leaks(key, rendered(refused))


# --- patience ---

SECONDS = (
    ANY | st.floats(0, 2e6) | st.sampled_from([decimal.Decimal(1), Fraction(1, 2), 1_000_000, 1_000_000.5, 10**400])
)
PHASES = ["connect", "pool", "write", "first_token", "idle", "total"]


@given(SECONDS)
@examples(150)
def test_a_timeout_of_any_kind(value):
    result = built(timeout=value)
    if isinstance(result, Config):
        limits = [result.timeout.of_phase(phase) for phase in PHASES]
        assert all(limit is None or 0 < limit <= 1_000_000 for limit in limits)


@given(st.dictionaries(st.sampled_from(PHASES), SECONDS))
@examples(150)
def test_every_phase_of_a_timeout(limits):
    try:
        made = Timeout(**limits)
    except ConfigError:
        return
    assert all(made.of_phase(phase) == value for phase, value in limits.items())
    assert built(timeout=made).timeout is made  # type: ignore[union-attr]


@given(ANY)
@examples(80)
def test_retries_of_any_kind(value):
    result = built(max_retries=value)
    assert isinstance(result, ConfigError) or (isinstance(value, int) and result.max_retries == value >= 0)
