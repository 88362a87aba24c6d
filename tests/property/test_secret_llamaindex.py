"""LlamaIndex: no six characters of a key in any view, event, span, callback or error of a component.

Event handlers, span handlers and the older callback manager are recorded with all that they are told.
`PROPERTY_SCALE` multiplies the keys.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from llama_index.core.callbacks import CallbackManager
from llama_index.core.callbacks.base_handler import BaseCallbackHandler
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.span_handlers import BaseSpanHandler
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from property_kit import examples
from pydantic import SecretStr
from secret_kit import FAULTS, KEYS, QUICK, Holder, acaught, caught, forms, inside, leaks, logged, of_error, refusal

import inference_do.errors as errors_
from inference_do import ConfigError, InferenceError
from inference_do.emulator import Emulator, ErrorEvent, Status, Truncate
from llamaindex_do import DigitalOcean, DigitalOceanEmbedding

if TYPE_CHECKING:
    from collections.abc import Iterator

CHAT, VECTORS = "llama3.3-70b-instruct", "bge-m3"
HELLO = [ChatMessage(content="hi")]
TOOL = FunctionTool.from_defaults(lambda a, b: a + b, name="add", description="Add two numbers.")


@pytest.fixture(scope="module")
def server() -> Iterator[Emulator]:
    with Emulator(api_key=None) as emulator:
        yield emulator


def llm(server: Emulator, key: Any, **settings: Any) -> DigitalOcean:
    return DigitalOcean(**{"model": CHAT, "api_key": key, "base_url": server.base_url, "max_retries": 0, **settings})


def embedding(server: Emulator, key: Any, **settings: Any) -> DigitalOceanEmbedding:
    return DigitalOceanEmbedding(
        **{"model_name": VECTORS, "api_key": key, "base_url": server.base_url, "max_retries": 0, **settings}
    )


def use(component: Any) -> Any:
    return component.chat(HELLO) if isinstance(component, DigitalOcean) else component.get_text_embedding("hi")


def views(component: Any) -> list[str]:
    shown = [*forms(component), *inside(component), component.to_json(), json.dumps(component.to_dict(), default=str)]
    shown += [
        repr(component.model_dump()),
        component.model_dump_json(),
        repr(component.to_payload()),
        repr(component.dict()),
    ]
    shown += [repr(vars(component)), repr(dict(component)), repr(component.__getstate__()), component.json()]
    shown += [repr(component.model_copy()), repr(component.model_copy(deep=True)), repr(component._clients)]
    return shown + ([repr(component.metadata)] if isinstance(component, DigitalOcean) else [])


@given(KEYS)
@examples(4, shrink=False)
def test_no_view_of_a_component(server, key):
    for make in (llm, embedding):
        for given_key in (key, SecretStr(key), Holder(key).get):
            component = make(server, given_key)
            assert not leaks(key, *views(component))
            use(component)
            assert not leaks(key, *views(component))
            component.close()


@given(KEYS)
@examples(4, shrink=False)
def test_no_view_of_a_component_with_another_key(server, key):
    for make in (llm, embedding):
        component = make(server, "the-first-one-of-all")
        component.api_key = key
        assert not leaks(key, *views(component))
        use(component)
        assert server.requests[-1].headers["authorization"] == f"Bearer {key}"
        component.close()


@given(KEYS)
@examples(3, shrink=False)
def test_no_view_of_a_component_whose_key_is_the_environments(server, key):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIGITALOCEAN_INFERENCE_KEY", key)
        for make in (llm, embedding):
            assert not leaks(key, *views(make(server, None)))


class Spans(BaseSpanHandler[Any]):
    """Writes down what spans are told."""

    told: list[Any] = []  # noqa: RUF012  pydantic copies it

    def new_span(self, *args: Any, **kwargs: Any) -> None:
        self.told.append((args, kwargs))

    def prepare_to_exit_span(self, *args: Any, **kwargs: Any) -> None:
        self.told.append((args, kwargs))

    def prepare_to_drop_span(self, *args: Any, **kwargs: Any) -> None:
        self.told.append((args, kwargs))


class Events(BaseEventHandler):
    """Writes down every event."""

    told: list[Any] = []  # noqa: RUF012  pydantic copies it

    def handle(self, event: Any, **kwargs: Any) -> None:
        self.told.append((event, kwargs))


class Older(BaseCallbackHandler):
    """Writes down what the callback manager tells."""

    def __init__(self) -> None:
        super().__init__([], [])
        self.told: list[Any] = []

    def on_event_start(self, *args: Any, **kwargs: Any) -> str:
        self.told.append((args, kwargs))
        return kwargs.get("event_id", "")

    def on_event_end(self, *args: Any, **kwargs: Any) -> None:
        self.told.append((args, kwargs))

    def start_trace(self, trace_id: str | None = None) -> None:
        self.told.append(trace_id)

    def end_trace(self, *args: Any, **kwargs: Any) -> None:
        self.told.append((args, kwargs))


@contextmanager
def observed() -> Iterator[tuple[Events, Spans, Older]]:
    events, spans, older = Events(), Spans(), Older()
    dispatcher = get_dispatcher()
    dispatcher.add_event_handler(events)
    dispatcher.add_span_handler(spans)
    try:
        yield events, spans, older
    finally:
        dispatcher.event_handlers.remove(events)
        dispatcher.span_handlers.remove(spans)


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
def test_no_observer_is_told(server, fault, key):
    scripted = Status(401, {"error": {"message": f"the key {key} is bad"}}) if fault == "echo" else fault
    with observed() as (events, spans, older), logged() as log:
        told = CallbackManager([older])
        component = llm(server, Holder(key).get, callback_manager=told)
        vectors = embedding(server, Holder(key).get, callback_manager=told)
        results = [
            *asked(server, component, vectors, scripted),
            *asyncio.run(asked_in_a_loop(server, component, vectors, scripted)),
        ]
    server.reset()
    component.close()
    vectors.close()
    assert len(events.told) > 6
    assert spans.told
    assert older.told
    texts = [*log.texts(), *(repr(item) for item in (events.told, spans.told, older.told))]
    texts += [text for told_ in (events.told, spans.told, older.told) for text in inside(told_)]
    texts += [event.model_dump_json(fallback=repr) for event, _ in events.told]
    for result in results:
        texts += (
            of_error(result)
            if isinstance(result, InferenceError) and fault != "echo"
            else [*forms(result), *inside(result)]
        )
    assert not leaks(key, *texts)


def asked(server: Emulator, component: DigitalOcean, vectors: DigitalOceanEmbedding, fault: Any) -> list[Any]:
    results = []
    for ask in (
        lambda: component.chat(HELLO),
        lambda: list(component.stream_chat(HELLO)),
        lambda: component.complete("hi"),
        lambda: list(component.stream_chat_with_tools([TOOL], "Add 2 and 3")),
        lambda: vectors.get_text_embedding_batch(["a", "b"]),
    ):
        server.script(fault)
        results.append(caught(ask))
    return results


async def asked_in_a_loop(
    server: Emulator, component: DigitalOcean, vectors: DigitalOceanEmbedding, fault: Any
) -> list[Any]:
    results = []
    for ask in (lambda: component.achat(HELLO), lambda: all_of(component), lambda: vectors.aget_text_embedding("hi")):
        server.script(fault)
        results.append(await acaught(ask))
    await component.aclose()
    await vectors.aclose()
    return results


async def all_of(component: DigitalOcean) -> list[Any]:
    return [response async for response in await component.astream_chat(HELLO)]


@pytest.mark.parametrize("name", FAULTS)
@given(key=KEYS)
@examples(1, shrink=False)
def test_errors_of_every_class(server, name, key):
    model = llm(server, Holder(key).get, timeout=QUICK)
    for ask in (lambda: model.chat(HELLO), lambda: list(model.stream_chat(HELLO))):
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
    for make, name in ((DigitalOcean, "model"), (DigitalOceanEmbedding, "model_name")):
        refused = refusal(lambda make=make, name=name: make(**{name: "m", "api_key": holder.get(), **mistake}))
        assert isinstance(refused, ConfigError)
        assert not leaks(key, *of_error(refused))


@pytest.mark.parametrize("wrong", ["{}\u201d", "{}\x00", "{} {}"])
@given(key=KEYS)
@examples(2, shrink=False)
def test_a_mistake_in_the_key(wrong, key):
    holder = Holder(wrong.format(key, key))
    for make, name in ((DigitalOcean, "model"), (DigitalOceanEmbedding, "model_name")):
        refused = refusal(lambda make=make, name=name: make(**{name: "m", "api_key": holder.get()}))
        assert isinstance(refused, ConfigError)
        assert not leaks(key, *of_error(refused))
