"""LangChain: no six characters of a key in any view, callback, trace, serialized form or error of a model.

Every hook of a callback handler is recorded with all that it is told, in threads and in event loops, for answers and
for failures. `PROPERTY_SCALE` multiplies the keys.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.globals import set_debug
from langchain_core.load import dumpd, dumps
from langchain_core.messages import HumanMessage
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler
from property_kit import examples
from pydantic import SecretStr
from secret_kit import FAULTS, KEYS, QUICK, Holder, acaught, caught, forms, inside, leaks, logged, of_error, refusal

import inference_do.errors as errors_
from inference_do import ConfigError, InferenceError
from inference_do.emulator import Emulator, ErrorEvent, Status, Truncate
from langchain_do import ChatDigitalOcean, DigitalOceanEmbeddings

if TYPE_CHECKING:
    from collections.abc import Iterator

CHAT, VECTORS = "llama3.3-70b-instruct", "bge-m3"
TOOL = {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}}
HOOKS = [name for name in dir(BaseCallbackHandler) if name.startswith("on_")]


@pytest.fixture(scope="module")
def server() -> Iterator[Emulator]:
    with Emulator(api_key=None) as emulator:
        yield emulator


def handler_of(kind: type, told: list[Any]) -> Any:
    """Make a handler whose every hook writes down what it is told."""

    def hook(name: str) -> Any:
        def heard(self: Any, *args: Any, **kwargs: Any) -> None:
            told.append((name, args, kwargs))

        async def aheard(self: Any, *args: Any, **kwargs: Any) -> None:
            told.append((name, args, kwargs))

        return aheard if inspect.iscoroutinefunction(getattr(kind, name)) else heard

    return type("Recorder", (kind,), {name: hook(name) for name in HOOKS})()


def chat(server: Emulator, key: Any, **settings: Any) -> ChatDigitalOcean:
    return ChatDigitalOcean(
        **{"model": CHAT, "api_key": key, "base_url": server.base_url, "max_retries": 0, **settings}
    )


def vectors(server: Emulator, key: Any, **settings: Any) -> DigitalOceanEmbeddings:
    return DigitalOceanEmbeddings(
        **{"model": VECTORS, "api_key": key, "base_url": server.base_url, "max_retries": 0, **settings}
    )


def views(model: Any) -> list[str]:
    """Return what can be written down of a model, one way or another."""
    shown = [*forms(model), *inside(model)]
    shown += [
        repr(model.model_dump()),
        json.dumps(model.model_dump(), default=str),
        model.model_dump_json(),
    ]
    shown += [repr(model.model_copy()), repr(model.model_copy(deep=True)), repr(dict(model)), repr(vars(model))]
    shown += [repr(model._clients), repr(model._clients.sync), repr(model._clients.asynchronous)]
    if isinstance(model, ChatDigitalOcean):
        shown += [dumps(model), json.dumps(dumpd(model)), repr(model._serialized), repr(model.to_json())]
        shown += [repr(model._identifying_params), repr(model.asdict()), model._get_llm_string()]
        shown += [repr(model._get_ls_params()), repr(model._get_invocation_params()), repr(model.lc_attributes)]
        chain = model.bind_tools([TOOL]) | (lambda message: message)
        shown += [repr(chain), repr(chain.get_graph().to_json()), dumps(model.bind(stop=["x"]))]
        shown += [
            repr(model.with_retry()),
            repr(model.with_config(tags=["t"])),
            repr(model.with_structured_output(TOOL)),
        ]
    return shown


@given(KEYS)
@examples(4, shrink=False)
def test_no_view_of_a_model(server, key):
    for make in (chat, vectors):
        for given_key in (key, SecretStr(key), Holder(key).get):
            model = make(server, given_key)
            assert not leaks(key, *views(model))
            _ = model.invoke("hi") if isinstance(model, ChatDigitalOcean) else model.embed_query("hi")
            assert not leaks(key, *views(model))
            model.close()


@given(KEYS)
@examples(4, shrink=False)
def test_no_view_of_a_model_with_another_key(server, key):
    """A key that is changed later is as secret as the first."""
    for make in (chat, vectors):
        model = make(server, "the-first-one-of-all")
        model.api_key = key
        assert not leaks(key, *views(model))
        _ = model.invoke("hi") if isinstance(model, ChatDigitalOcean) else model.embed_query("hi")
        assert server.requests[-1].headers["authorization"] == f"Bearer {key}"
        assert not leaks(key, *views(model))
        model.close()


@given(KEYS)
@examples(3, shrink=False)
def test_no_view_of_a_model_whose_key_is_the_environments(server, key):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIGITALOCEAN_INFERENCE_KEY", key)
        for make in (chat, vectors):
            assert not leaks(key, *views(make(server, None)))


FAILURES = {
    "none": None,
    "401 with the key": "echo",
    "503": Status(503),
    "truncated": Truncate(after_events=2),
    "error in the stream": ErrorEvent(after_events=2),
}


@pytest.mark.parametrize("fault", FAILURES.values(), ids=FAILURES)
@given(key=KEYS)
@examples(2, shrink=False)
def test_no_hook_is_told(server, fault, key):
    scripted = Status(401, {"error": {"message": f"the key {key} is bad"}}) if fault == "echo" else fault
    told: list[Any] = []
    runs = RunCollectorCallbackHandler()
    handlers = [handler_of(BaseCallbackHandler, told), handler_of(AsyncCallbackHandler, told), runs]
    model = chat(server, Holder(key).get, temperature=0.5, stop=["x"])
    with logged() as log:
        results = [
            *asked(server, model, handlers, scripted),
            *asyncio.run(asked_in_a_loop(server, model, handlers, scripted)),
        ]
    server.reset()
    model.close()
    texts = [*log.texts(), *inside(told), *inside(runs.traced_runs), *[repr(item) for item in told]]
    for result in results:
        texts += (
            of_error(result)
            if isinstance(result, InferenceError) and fault != "echo"
            else [*forms(result), *inside(result)]
        )
    assert {name for name, *_ in told} >= {"on_chat_model_start", "on_llm_error" if fault else "on_llm_end"}
    assert len(runs.traced_runs) >= len(results) - 1
    assert not leaks(key, *texts)


def asked(server: Emulator, model: ChatDigitalOcean, handlers: list[Any], fault: Any) -> list[Any]:
    config: Any = {"callbacks": handlers, "tags": ["t"], "metadata": {"m": 1}}
    results = []
    for ask in (
        lambda: model.invoke("hi", config),
        lambda: list(model.stream("hi", config)),
        lambda: model.generate([[HumanMessage("hi")]], callbacks=handlers),
        lambda: model.batch(["hi"], config),
    ):
        server.script(fault)
        results.append(caught(ask))
    return results


async def asked_in_a_loop(server: Emulator, model: ChatDigitalOcean, handlers: list[Any], fault: Any) -> list[Any]:
    config: Any = {"callbacks": handlers, "tags": ["t"], "metadata": {"m": 1}}
    results = []
    for ask in (
        lambda: model.ainvoke("hi", config),
        lambda: gathered(model.astream("hi", config)),
        lambda: gathered(model.astream_events("hi", config, version="v2")),
    ):
        server.script(fault)
        results.append(await acaught(ask))
    await model.aclose()
    return results


async def gathered(items: Any) -> list[Any]:
    return [item async for item in items]


def test_debug_output_does_not_have_it(server, capsys):
    key = "sk-do-v1-Q7f3xWz9LmTb2"
    set_debug(True)
    try:
        assert chat(server, key).invoke("hi").text
    finally:
        set_debug(False)
    printed = capsys.readouterr().out
    assert "chat_model" in printed.lower() or "llm" in printed.lower()
    assert not leaks(key, printed)


@pytest.mark.parametrize("name", FAULTS)
@given(key=KEYS)
@examples(1, shrink=False)
def test_errors_of_every_class(server, name, key):
    model = chat(server, Holder(key).get, timeout=QUICK)
    for ask in (lambda: model.invoke("hi"), lambda: list(model.stream("hi"))):
        server.script(FAULTS[name])
        error = caught(ask)
        assert isinstance(error, getattr(errors_, name)) or name.startswith("Stream")
        if isinstance(error, InferenceError):
            assert not leaks(key, *of_error(error))
    assert isinstance(error, getattr(errors_, name))
    model.close()


MISTAKES: dict[str, dict[str, Any]] = {
    "timeout": {"timeout": -1},
    "slip": {"maxretries": 1},
    "kind": {"user": 5},
    "base_url": {"base_url": "ftp://x"},
    "max_retries": {"max_retries": []},
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
@given(key=KEYS)
@examples(2, shrink=False)
def test_a_mistake_beside_the_key(mistake, key):
    holder = Holder(key)
    for kind in (ChatDigitalOcean, DigitalOceanEmbeddings):
        refused = refusal(lambda kind=kind: kind(model="m", api_key=holder.get(), **mistake))
        assert isinstance(refused, ConfigError)
        assert not leaks(key, *of_error(refused))


@pytest.mark.parametrize("wrong", ["{}\u201d", "{}\x00", "{} {}"])
@given(key=KEYS)
@examples(2, shrink=False)
def test_a_mistake_in_the_key(wrong, key):
    holder = Holder(wrong.format(key, key))
    for kind in (ChatDigitalOcean, DigitalOceanEmbeddings):
        refused = refusal(lambda kind=kind: kind(model="m", api_key=holder.get()))
        assert isinstance(refused, ConfigError)
        assert not leaks(key, *of_error(refused))
