"""No six characters of a key stand in anything that can be written down of a client, its answers, its errors, its logs.

Keys are made by chance, of several alphabets. Every class of error is raised through the emulator, and its text,
attributes, chain, pickle and traceback with the frames' variables are searched, in rich's rendering too.

What a server says of the key is masked where it stands whole, also as JSON or a URL writes it, and in any header. What
a server disguises (base64, a part of it, letters apart) cannot be known again and is not promised; nor are the frames
of HTTP libraries under an exception that is not ours, `KeyboardInterrupt` for instance.
`PROPERTY_SCALE` multiplies the keys.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from hypothesis import example, given
from property_kit import examples
from secret_kit import (
    ALPHABETS,
    FAULTS,
    KEYS,
    PATIENT,
    Holder,
    caught,
    error_body,
    forms,
    in_colours,
    inside,
    leaks,
    logged,
    of_error,
    random_key,
    refusal,
    timeout_for,
)

import inference_do.errors as errors_
from inference_do import AsyncClient, Client, ConfigError, InferenceError
from inference_do.config import Secret
from inference_do.emulator import (
    Emulator,
    ErrorEvent,
    Fault,
    RawBody,
    RawStream,
    Redirect,
    Status,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHAT = "llama3.3-70b-instruct"
ASK: dict[str, Any] = {"model": CHAT, "messages": [{"role": "user", "content": "Say hello"}]}


BASES = {"InferenceError", "StreamError", "ConfigError"}


@pytest.fixture(scope="module")
def server() -> Iterator[Emulator]:
    with Emulator(api_key=None) as emulator:
        yield emulator


def calls_of(server: Emulator, holder: Holder, **options: Any) -> dict[str, Callable[[], Any]]:
    """Return the ways to ask; no frame of theirs has the key."""
    options = {"base_url": server.base_url, "max_retries": 0, "timeout": PATIENT, **options}

    def chat() -> Any:
        with Client(holder.get, **options) as client:
            return client.chat(**ASK)

    def stream() -> Any:
        with Client(holder.get, **options) as client:
            return client.stream(**ASK).completion()

    async def in_a_loop(streamed: bool) -> Any:
        async with AsyncClient(holder.get, **options) as client:
            return await (client.stream(**ASK).completion() if streamed else client.chat(**ASK))

    return {
        "chat": chat,
        "stream": stream,
        "async chat": lambda: asyncio.run(in_a_loop(streamed=False)),
        "async stream": lambda: asyncio.run(in_a_loop(streamed=True)),
    }


# --- objects ---


@given(KEYS)
@examples(25, shrink=False)
def test_clients_and_what_hangs_on_them(key):
    for kind in (Client, AsyncClient):
        for given_key in (key, Holder(key).get):
            client = kind(given_key, base_url="http://127.0.0.1:9/v1", default_headers={"x-a": "1"})
            made = [client._call({}, None, None), client._request("/models", None)]
            for thing in (client, client._config, client._config.secret, client._http, client._traffic, *made):
                assert not leaks(key, *forms(thing), *inside(thing))


@given(KEYS)
@examples(100, shrink=False)
def test_the_holder_of_the_key_shows_itself_to_reveal_alone(key):
    secret = Secret(key)
    assert secret.get_secret_value() == key
    assert not leaks(key, *forms(secret), repr([secret]), repr({"k": secret}), f"{secret!s:>30}")
    assert secret.scrub(f"<{key}>") == "<**********>"
    with pytest.raises((TypeError, AttributeError)):
        vars(secret)


@given(KEYS)
@examples(6, shrink=False)
def test_answers_and_streams_that_are_under_way(server, key):
    with Client(key, base_url=server.base_url) as client, client.stream(**ASK) as stream:
        chunk = next(stream)
        for thing in (stream, stream.partial, chunk, stream.response_info, client.chat(**ASK), client.models()[0]):
            assert not leaks(key, *forms(thing), *inside(thing))
        assert not leaks(
            key, client.embed(model="bge-m3", input="x").model_dump_json(), stream.completion().model_dump_json()
        )
    assert server.requests[-1].headers["authorization"] == f"Bearer {key}"


# --- errors ---


def test_every_class_of_error_is_raised_here():
    assert {*FAULTS, *BASES} == set(errors_.__all__) - {"Phase"}


@pytest.mark.parametrize("name", FAULTS)
@given(key=KEYS)
@examples(2, shrink=False)
def test_errors_of_every_class(server, name, key):
    streamed = issubclass(getattr(errors_, name), errors_.StreamError)
    for name_of_call, call in calls_of(server, Holder(key), timeout=timeout_for(name)).items():
        if streamed and "stream" not in name_of_call:
            continue
        server.script(FAULTS[name])
        with logged() as log:
            error = caught(call)
        assert type(error).__name__ == name
        assert not leaks(key, *of_error(error)), name_of_call
        assert not leaks(key, *log.texts()), name_of_call


@given(KEYS)
@examples(4, shrink=False)
def test_a_server_that_is_not_there(key):
    gone = Emulator()
    with gone:
        pass
    for name_of_call, call in calls_of(gone, Holder(key)).items():
        with logged() as log:
            error = caught(call)
        assert type(error).__name__ == "APIConnectionError"
        assert not leaks(key, *of_error(error), *log.texts()), name_of_call


@given(KEYS)
@examples(10, shrink=False)
def test_successes_are_logged_without_it(server, key):
    with logged() as log:
        for call in calls_of(server, Holder(key)).values():
            assert call().text
    assert log.records
    assert not leaks(key, *log.texts())
    assert "Say hello" not in "".join(log.texts())


MISTAKES: dict[str, dict[str, Any]] = {
    "timeout": {"timeout": -1},
    "base_url": {"base_url": "ftp://x"},
    "max_retries": {"max_retries": "many"},
    "headers": {"default_headers": {"a b": "c"}},
    "http_client": {"http_client": 5},
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
@given(key=KEYS)
@examples(3, shrink=False)
def test_a_mistake_beside_the_key(mistake, key):
    """The frames of the constructor had the key, and a traceback with variables shows frames."""
    holder = Holder(key)
    for kind in (Client, AsyncClient):
        refused = refusal(lambda kind=kind: kind(holder.get(), **mistake))
        assert isinstance(refused, ConfigError)
        assert not leaks(key, *of_error(refused))


@pytest.mark.parametrize("wrong", ["{}\u201d", "{}\x00", "{} {}", "\r{}\nX-Evil: 1"])
@given(key=KEYS)
@examples(3, shrink=False)
def test_a_mistake_in_the_key(wrong, key):
    holder = Holder(wrong.format(key, key))
    for kind in (Client, AsyncClient):
        asked_later = kind(holder.get, base_url="http://127.0.0.1:9/v1")._config.secret
        for refused in (refusal(lambda kind=kind: kind(holder.get())), refusal(asked_later.get_secret_value)):
            assert isinstance(refused, ConfigError)
            assert not leaks(key, *of_error(refused))


# --- a server that repeats the key ---


def echoes(key: str) -> dict[str, Fault]:
    content = f"your key {key} is not right"
    escaped = "".join(f"\\u{ord(character):04x}" for character in key)
    slashed = json.dumps({"error": {"message": content, "code": key}}).replace("/", "\\/")
    return {
        "message": Status(401, error_body(content)),
        "code and type": Status(400, error_body("no", code=key, type=key)),
        "text": Status(500, content),
        "html": Status(502, f"<html><title>{key}</title>{content}</html>"),
        "escaped": Status(401, f'{{"error":{{"message":"key {escaped}","code":"{escaped}"}}}}'.encode()),
        "slashes": Status(401, slashed.encode()),
        "detail": Status(422, {"detail": [{"loc": [key, 1], "msg": content}]}),
        "request id": Status(503, "no", {"x-request-id": key}),
        "another header": Status(503, "no", {"x-key": key, "retry-after": key}),
        "200 that is text": RawBody(content.encode()),
        "200 with an error": RawBody(json.dumps(error_body(content)).encode()),
        "200 with an escaped error": RawBody(f'{{"error":{{"message":"key {escaped}"}}}}'.encode()),
        "200 with a status": RawBody(json.dumps(error_body(content, code=401)).encode()),
        "wrong shape": RawBody(json.dumps({"choices": key}).encode()),
        "wrong names": RawBody(
            json.dumps({"choices": [{"message": {"tool_calls": [{key: key, "function": 5}]}}]}).encode()
        ),
        "cut in text": Status(500, f"{'x' * 185} {key}"),
        "cut in a response": RawBody(f"{'x' * 185} {key}".encode()),
        "cut in a message": Status(400, error_body(f"{'x' * 485} {key}")),
        "cut in a code": Status(400, error_body("no", code=f"{'x' * 485} {key}")),
        "cut in a body": Status(400, {"padding": "x" * 1950, **error_body(content)}),
        "cut in an event": ErrorEvent(after_events=2, body=f"{'x' * 185} {key}", event_name="error"),
        "cut in a long event": ErrorEvent(after_events=2, body=error_body(f"{'x' * 485} {key}")),
        "percent signs": Status(400, error_body(f"no /v1/{quote(key, safe='')}/x")),
        "redirect path": Redirect(302, f"https://a.example/{key}?k={key}"),
        "event": ErrorEvent(after_events=2, body=error_body(content, code=key)),
        "event in words": ErrorEvent(after_events=2, body=content, event_name="error"),
        "escaped event": RawStream(
            [b'data: {"choices":[]}\n\n', f'data: {{"error":{{"message":"{escaped}"}}}}\n\n'.encode()]
        ),
        "first event": ErrorEvent(body=error_body(content, code=401)),
        "chunk of a wrong shape": RawStream(
            [f"data: {json.dumps({'choices': [{'index': key, key: 1}]})}\n\n".encode()]
        ),
        "chunk that is no JSON": RawStream([f"data: {content}\n\n".encode()]),
    }


@pytest.mark.parametrize("echo", echoes("x" * 20))
@example(key='sk-do"v1\\SECRET/Xs3cr3t+=')
@given(key=KEYS)
@examples(2, shrink=False)
def test_what_a_server_says_of_it_is_masked(server, echo, key):
    """Frames are not looked at here: they hold the response as it came."""
    for name_of_call, call in calls_of(server, Holder(key)).items():
        server.script(echoes(key)[echo])
        error = caught(call)
        if not isinstance(error, InferenceError):
            assert isinstance(echoes(key)[echo], ErrorEvent | RawStream), error
            continue
        seen = [*forms(error), *inside(error), repr(error.args), repr(error.__cause__), repr(error.__context__)]
        assert not leaks(key, *seen), (name_of_call, str(error))


@pytest.mark.parametrize("alphabet", ["capitals", "url"])
def test_a_redirect_to_a_host_of_its_name(server, alphabet):
    """Names of hosts have no case: lower-cased it is still the key."""
    key = random_key(alphabet, 30, 1).replace("~", "-").replace("_", "-").strip("-.")
    for call in calls_of(server, Holder(key)).values():
        server.script(Redirect(302, f"https://{key}.example/"))
        error = caught(call)
        assert not leaks(key.lower(), *forms(error), *inside(error))
        assert "302" in str(error)


@given(KEYS)
@examples(5, shrink=False)
def test_a_header_that_repeats_it_is_masked_in_answers_too(server, key):
    answer = {"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}
    with Client(key, base_url=server.base_url) as client:
        server.script(RawBody(json.dumps(answer).encode(), headers={"x-key": f"Bearer {key}", "x-request-id": key}))
        response = client.chat(**ASK)
    assert not leaks(key, repr(response.response_info), str(response.request_id))


# --- the search itself ---


@pytest.mark.parametrize("alphabet", ALPHABETS)
def test_the_search_finds_what_is_there(alphabet):
    key = random_key(alphabet, 40, 7)
    for text in (key, key[3:9], repr(key), json.dumps(key), f"'{key[:6]}", key.encode(), repr(key.encode())):
        assert leaks(key, text)
    assert not leaks(key, random_key(alphabet, 4000, 8), "")
    deep_thing = type("Thing", (), {})()
    deep_thing.deep = {"a": [(key,)]}
    assert leaks(key, *inside(deep_thing))
    with pytest.raises(ZeroDivisionError) as failed:
        len(key) / 0  # this frame has the key
    assert leaks(key, *of_error(failed.value))
    assert leaks(key, *in_colours(failed.value)) or not in_colours(failed.value)
