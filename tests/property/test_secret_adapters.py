"""The adapters: no six characters of a key in any view, observer, trace, serialized form or error of their objects.

Every hook of LangChain's callback handlers, and LlamaIndex's event handlers, span handlers and older callback manager
are recorded with all that they are given, in threads and in event loops, for answers and for failures.
`PROPERTY_SCALE` multiplies the keys.
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
from llama_index.core.callbacks import CallbackManager
from llama_index.core.callbacks.base_handler import BaseCallbackHandler as OlderHandler
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.span_handlers import BaseSpanHandler
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from property_kit import examples
from pydantic import SecretStr
from secret_kit import (
    FAULTS,
    KEYS,
    Holder,
    acaught,
    caught,
    forms,
    inside,
    leaks,
    logged,
    of_error,
    refusal,
    timeout_for,
)

import inference_do.errors as errors_
from inference_do import ConfigError, InferenceError
from inference_do.emulator import Emulator, ErrorEvent, Status, Truncate
from langchain_do import ChatDigitalOcean, DigitalOceanEmbeddings
from llamaindex_do import DigitalOcean, DigitalOceanEmbedding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHAT, VECTORS = "llama3.3-70b-instruct", "bge-m3"


@pytest.fixture(scope="module")
def server() -> Iterator[Emulator]:
    with Emulator(api_key=None) as emulator:
        yield emulator


def collected(items: Any) -> Callable[[], Any]:
    """Return a function that reads an asynchronous stream to its end."""

    async def read() -> list[Any]:
        return [item async for item in (await items() if inspect.iscoroutinefunction(items) else items())]

    return read


# --- LangChain ---


TOOL = {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}}
HOOKS = [name for name in dir(BaseCallbackHandler) if name.startswith("on_")]


def handler_of(kind: type, reported: list[Any]) -> Any:
    """Make a handler whose every hook writes down what it is given."""

    def hook(name: str) -> Any:
        def heard(self: Any, *args: Any, **kwargs: Any) -> None:
            reported.append((name, args, kwargs))

        async def aheard(self: Any, *args: Any, **kwargs: Any) -> None:
            reported.append((name, args, kwargs))

        return aheard if inspect.iscoroutinefunction(getattr(kind, name)) else heard

    return type("Recorder", (kind,), {name: hook(name) for name in HOOKS})()


class LangChain:
    """The chat model and the embeddings."""

    kinds = ((ChatDigitalOcean, "model", CHAT), (DigitalOceanEmbeddings, "model", VECTORS))

    @staticmethod
    def use(model: Any) -> None:
        _ = model.invoke("hi") if isinstance(model, ChatDigitalOcean) else model.embed_query("hi")

    @staticmethod
    def calls(model: Any) -> list[Callable[[], Any]]:
        """Return a whole and a streamed call."""
        return [lambda: model.invoke("hi"), lambda: list(model.stream("hi"))]

    @staticmethod
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

    @staticmethod
    def observe(server: Emulator, key: Any, fault: Any) -> tuple[list[Any], list[str]]:
        """Return the results of calls, and all that observers were given."""
        reported: list[Any] = []
        runs = RunCollectorCallbackHandler()
        handlers = [handler_of(BaseCallbackHandler, reported), handler_of(AsyncCallbackHandler, reported), runs]
        model = make(server, key, LangChain.kinds[0], temperature=0.5, stop=["x"])
        config: Any = {"callbacks": handlers, "tags": ["t"], "metadata": {"m": 1}}
        calls = (
            lambda: model.invoke("hi", config),
            lambda: list(model.stream("hi", config)),
            lambda: model.generate([[HumanMessage("hi")]], callbacks=handlers),
            lambda: model.batch(["hi"], config),
        )
        acalls = (
            lambda: model.ainvoke("hi", config),
            collected(lambda: model.astream("hi", config)),
            collected(lambda: model.astream_events("hi", config, version="v2")),
        )
        results = results_of(server, fault, calls, acalls, [model])
        assert {name for name, *_ in reported} >= {"on_chat_model_start", "on_llm_error" if fault else "on_llm_end"}
        assert len(runs.traced_runs) >= len(results) - 1
        return results, [*inside(reported), *inside(runs.traced_runs), *[repr(item) for item in reported]]


# --- LlamaIndex ---


HELLO = [ChatMessage(content="hi")]
ADD = FunctionTool.from_defaults(lambda a, b: a + b, name="add", description="Add two numbers.")


class Spans(BaseSpanHandler[Any]):
    """Keeps what spans are given."""

    reported: list[Any] = []  # noqa: RUF012  pydantic copies it

    def new_span(self, *args: Any, **kwargs: Any) -> None:
        self.reported.append((args, kwargs))

    def prepare_to_exit_span(self, *args: Any, **kwargs: Any) -> None:
        self.reported.append((args, kwargs))

    def prepare_to_drop_span(self, *args: Any, **kwargs: Any) -> None:
        self.reported.append((args, kwargs))


class Events(BaseEventHandler):
    """Keeps every event."""

    reported: list[Any] = []  # noqa: RUF012  pydantic copies it

    def handle(self, event: Any, **kwargs: Any) -> None:
        self.reported.append((event, kwargs))


class Older(OlderHandler):
    """Keeps what the callback manager is given."""

    def __init__(self) -> None:
        super().__init__([], [])
        self.reported: list[Any] = []

    def on_event_start(self, *args: Any, **kwargs: Any) -> str:
        self.reported.append((args, kwargs))
        return kwargs.get("event_id", "")

    def on_event_end(self, *args: Any, **kwargs: Any) -> None:
        self.reported.append((args, kwargs))

    def start_trace(self, trace_id: str | None = None) -> None:
        self.reported.append(trace_id)

    def end_trace(self, *args: Any, **kwargs: Any) -> None:
        self.reported.append((args, kwargs))


class LlamaIndex:
    """The LLM and the embedding."""

    kinds = ((DigitalOcean, "model", CHAT), (DigitalOceanEmbedding, "model_name", VECTORS))

    @staticmethod
    def use(component: Any) -> None:
        _ = component.chat(HELLO) if isinstance(component, DigitalOcean) else component.get_text_embedding("hi")

    @staticmethod
    def calls(component: Any) -> list[Callable[[], Any]]:
        return [lambda: component.chat(HELLO), lambda: list(component.stream_chat(HELLO))]

    @staticmethod
    def views(component: Any) -> list[str]:
        shown = [
            *forms(component),
            *inside(component),
            component.to_json(),
            json.dumps(component.to_dict(), default=str),
        ]
        shown += [
            repr(component.model_dump()),
            component.model_dump_json(),
            repr(component.to_payload()),
            repr(component.dict()),
        ]
        shown += [repr(vars(component)), repr(dict(component)), repr(component.__getstate__()), component.json()]
        shown += [repr(component.model_copy()), repr(component.model_copy(deep=True)), repr(component._clients)]
        return shown + ([repr(component.metadata)] if isinstance(component, DigitalOcean) else [])

    @staticmethod
    def observe(server: Emulator, key: Any, fault: Any) -> tuple[list[Any], list[str]]:
        events, spans, older = Events(), Spans(), Older()
        dispatcher = get_dispatcher()
        dispatcher.add_event_handler(events)
        dispatcher.add_span_handler(spans)
        try:
            manager = CallbackManager([older])
            llm, vectors = (make(server, key, kind, callback_manager=manager) for kind in LlamaIndex.kinds)
            calls = (
                lambda: llm.chat(HELLO),
                lambda: list(llm.stream_chat(HELLO)),
                lambda: llm.complete("hi"),
                lambda: list(llm.stream_chat_with_tools([ADD], "Add 2 and 3")),
                lambda: vectors.get_text_embedding_batch(["a", "b"]),
            )

            async def astream() -> Any:
                return await llm.astream_chat(HELLO)

            acalls = (lambda: llm.achat(HELLO), collected(astream), lambda: vectors.aget_text_embedding("hi"))
            results = results_of(server, fault, calls, acalls, [llm, vectors])
        finally:
            dispatcher.event_handlers.remove(events)
            dispatcher.span_handlers.remove(spans)
        assert len(events.reported) > 6
        assert spans.reported
        assert older.reported
        texts = [event.model_dump_json(fallback=repr) for event, _ in events.reported]
        for reported in (events.reported, spans.reported, older.reported):
            texts += [repr(reported), *inside(reported)]
        return results, texts


# --- both ---


def make(server: Emulator, key: Any, kind: tuple[type, str, str], **settings: Any) -> Any:
    cls, name, model = kind
    return cls(**{name: model, "api_key": key, "base_url": server.base_url, "max_retries": 0, **settings})


def results_of(server: Emulator, fault: Any, calls: Any, acalls: Any, made: list[Any]) -> list[Any]:
    """Return what calls return or raise, in threads and then in a loop; close what was made."""
    results = []
    for call in calls:
        server.script(fault)
        results.append(caught(call))

    async def in_loop() -> None:
        for call in acalls:
            server.script(fault)
            results.append(await acaught(call))
        for item in made:
            await item.aclose()

    asyncio.run(in_loop())
    server.reset()
    for item in made:
        item.close()
    return results


both = pytest.mark.parametrize("adapter", [LangChain, LlamaIndex], ids=["langchain", "llamaindex"])


@both
@given(key=KEYS)
@examples(4, shrink=False)
def test_no_view_of_an_object(server, adapter, key):
    for kind in adapter.kinds:
        for given_key in (key, SecretStr(key), Holder(key).get):
            made = make(server, given_key, kind)
            assert not leaks(key, *adapter.views(made))
            adapter.use(made)
            assert not leaks(key, *adapter.views(made))
            made.close()


@both
@given(key=KEYS)
@examples(4, shrink=False)
def test_no_view_of_an_object_with_another_key(server, adapter, key):
    """A key that is changed later is as secret as the first."""
    for kind in adapter.kinds:
        made = make(server, "the-first-one-of-all", kind)
        made.api_key = key
        assert not leaks(key, *adapter.views(made))
        adapter.use(made)
        assert server.requests[-1].headers["authorization"] == f"Bearer {key}"
        assert not leaks(key, *adapter.views(made))
        made.close()


@both
@given(key=KEYS)
@examples(3, shrink=False)
def test_no_view_of_an_object_whose_key_is_the_environments(server, adapter, key):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIGITALOCEAN_INFERENCE_KEY", key)
        for kind in adapter.kinds:
            assert not leaks(key, *adapter.views(make(server, None, kind)))


FAILURES = {
    "none": None,
    "401 with the key": "echo",
    "503": Status(503),
    "truncated": Truncate(after_events=2),
    "error in the stream": ErrorEvent(after_events=2),
}


@both
@pytest.mark.parametrize("fault", FAILURES.values(), ids=FAILURES)
@given(key=KEYS)
@examples(2, shrink=False)
def test_no_observer_is_given_it(server, adapter, fault, key):
    scripted = Status(401, {"error": {"message": f"the key {key} is bad"}}) if fault == "echo" else fault
    with logged() as log:
        results, texts = adapter.observe(server, Holder(key).get, scripted)
    for result in results:
        texts += (
            of_error(result)
            if isinstance(result, InferenceError) and fault != "echo"
            else [*forms(result), *inside(result)]
        )
    assert not leaks(key, *log.texts(), *texts)


def test_debug_output_does_not_have_it(server, capsys):
    key = "sk-do-v1-Q7f3xWz9LmTb2"
    set_debug(True)
    try:
        assert make(server, key, LangChain.kinds[0]).invoke("hi").text
    finally:
        set_debug(False)
    printed = capsys.readouterr().out
    assert "chat_model" in printed.lower() or "llm" in printed.lower()
    assert not leaks(key, printed)


@both
@pytest.mark.parametrize("name", FAULTS)
@given(key=KEYS)
@examples(1, shrink=False)
def test_errors_of_every_class(server, adapter, name, key):
    made = make(server, Holder(key).get, adapter.kinds[0], timeout=timeout_for(name))
    for call in adapter.calls(made):
        server.script(FAULTS[name])
        error = caught(call)
        assert isinstance(error, getattr(errors_, name)) or name.startswith("Stream")
        if isinstance(error, InferenceError):
            assert not leaks(key, *of_error(error))
    assert isinstance(error, getattr(errors_, name))
    made.close()


MISTAKES: dict[str, dict[str, Any]] = {
    "timeout": {"timeout": -1},
    "slip": {"maxretries": 1},
    "kind": {"user": 5},
    "base_url": {"base_url": "ftp://x"},
    "max_retries": {"max_retries": []},
}


@both
@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
@given(key=KEYS)
@examples(2, shrink=False)
def test_a_mistake_beside_the_key(adapter, mistake, key):
    holder = Holder(key)
    for cls, name, _ in adapter.kinds:
        refused = refusal(lambda cls=cls, name=name: cls(**{name: "m", "api_key": holder.get(), **mistake}))
        assert isinstance(refused, ConfigError)
        assert not leaks(key, *of_error(refused))


@both
@pytest.mark.parametrize("wrong", ["{}\u201d", "{}\x00", "{} {}"])
@given(key=KEYS)
@examples(2, shrink=False)
def test_a_mistake_in_the_key(adapter, wrong, key):
    holder = Holder(wrong.format(key, key))
    for cls, name, _ in adapter.kinds:
        refused = refusal(lambda cls=cls, name=name: cls(**{name: "m", "api_key": holder.get()}))
        assert isinstance(refused, ConfigError)
        assert not leaks(key, *of_error(refused))
