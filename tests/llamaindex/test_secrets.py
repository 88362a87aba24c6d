"""The key stays where it is used: not in what is printed, stored, copied to another process or given to observers."""

from __future__ import annotations

import copy
import json
import pickle
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.callbacks import CallbackManager, LlamaDebugHandler
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

from inference_do import AuthenticationError, ConfigError, Timeout
from inference_do.emulator import Emulator, Status
from llamaindex_do import DigitalOcean, DigitalOceanEmbedding

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "sk-do-v1-very-secret-0123456789"
HELLO = [ChatMessage(content="Hello")]


@pytest.fixture
def emu() -> Iterator[Emulator]:
    with Emulator(api_key=KEY) as emulator:
        yield emulator


@pytest.fixture(params=[DigitalOcean, DigitalOceanEmbedding])
def component(request: pytest.FixtureRequest, emu: Emulator) -> Any:
    name = "model" if request.param is DigitalOcean else "model_name"
    model = "gemma-4-31B-it" if request.param is DigitalOcean else "bge-m3"
    return request.param(**{name: model}, api_key=KEY, base_url=emu.base_url, timeout=Timeout(connect=3.0))


def use(component: Any) -> None:
    component.chat(HELLO) if isinstance(component, DigitalOcean) else component.get_text_embedding("Hello")


def test_nothing_that_is_written_down_has_the_key(component: Any) -> None:
    use(component)
    written = [
        repr(component),
        str(component),
        f"{component!r}",
        repr(component._made),
        repr(vars(component)),
        json.dumps(component.to_dict(), default=str),
        component.to_json(),
        component.model_dump_json(),
        repr(component.model_dump()),
        repr(component.to_payload()),
        repr(pickle.dumps(component)),
        repr(component.__getstate__()),
    ]
    for text in written:
        assert KEY not in text


def test_observers_are_not_told_the_key(emu: Emulator) -> None:
    seen: list[str] = []

    class Collect(BaseEventHandler):
        def handle(self, event: Any, **_: Any) -> None:
            seen.append(event.model_dump_json(fallback=repr))

    debug = LlamaDebugHandler(print_trace_on_end=False)
    handler = Collect()
    dispatcher = get_dispatcher()
    dispatcher.add_event_handler(handler)
    try:
        llm = DigitalOcean(
            model="gemma-4-31B-it", api_key=KEY, base_url=emu.base_url, callback_manager=CallbackManager([debug])
        )
        tool = FunctionTool.from_defaults(lambda a, b: a + b, name="add", description="Add two numbers.")
        llm.chat(HELLO)
        list(llm.stream_chat_with_tools([tool], "Add 2 and 3"))
        emu.script(Status(401, body={"error": {"message": f"the key {KEY} is not valid"}}))
        with pytest.raises(AuthenticationError) as caught:
            llm.chat(HELLO)
    finally:
        dispatcher.event_handlers.remove(handler)
    assert len(seen) > 4
    assert KEY not in "".join(seen)
    assert KEY not in repr(debug.get_llm_inputs_outputs())
    assert KEY not in str(caught.value) + repr(caught.value) + repr(pickle.dumps(caught.value))


def test_the_payload_has_what_observers_ask_for(emu: Emulator) -> None:
    llm = DigitalOcean(model="gemma-4-31B-it", api_key=KEY, base_url=emu.base_url, temperature=0.5, max_tokens=9)
    payload = llm.to_payload()
    assert (payload["model"], payload["temperature"], payload["max_tokens"]) == ("gemma-4-31B-it", 0.5, 9)
    assert payload["class_name"] == "DigitalOcean_LLM"
    assert payload["context_window"] == 256_000


def test_errors_of_settings_do_not_repeat_the_key() -> None:
    with pytest.raises(ConfigError) as caught:
        DigitalOcean(model="m", api_key=KEY + "\x00")
    assert KEY not in str(caught.value)
    with pytest.raises(ConfigError) as caught:
        DigitalOcean(model="m", api_key={"key": KEY})
    assert KEY not in str(caught.value)


def test_from_dict_asks_for_the_key_again(component: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    data = component.to_dict()
    assert "api_key" not in data
    with pytest.raises(ConfigError, match="no API key"):
        type(component).from_dict(data)
    again = type(component).from_dict(data, api_key=KEY)
    use(again)
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", KEY)
    again = type(component).from_json(component.to_json())
    assert again.timeout == component.timeout
    assert again.to_dict() == data
    use(again)


def test_a_pickle_takes_the_key_of_where_it_is_opened(component: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    use(component)
    data = pickle.dumps(component)
    use(component)  # and the original goes on
    without = pickle.loads(data)
    with pytest.raises(ConfigError, match="no API key"):
        use(without)
    monkeypatch.setenv("DIGITALOCEAN_TOKEN", KEY)
    use(pickle.loads(data))
    use(without)


def test_pickling_is_silent_and_leaves_the_original_whole(emu: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    with httpx.Client() as http_client:
        llm = DigitalOcean(model="gemma-4-31B-it", api_key=lambda: KEY, base_url=emu.base_url, http_client=http_client)
        llm.chat(HELLO)
        pickle.dumps(llm)
        assert llm.http_client is http_client
        llm.chat(HELLO)
    assert caplog.text == ""


def test_copies_in_this_process_work(component: Any, emu: Emulator) -> None:
    use(component)
    for twin in (copy.copy(component), copy.deepcopy(component), component.model_copy(deep=True)):
        use(twin)
        assert twin._clients is component._clients  # of the same settings, so they share their connections
    other = component.model_copy(update={"base_url": "https://127.0.0.1:1/v1"})
    assert other._clients.sync.base_url == "https://127.0.0.1:1/v1"
    assert component._clients.sync.base_url == emu.base_url


def test_class_names() -> None:
    assert DigitalOcean.class_name() == "DigitalOcean_LLM"
    assert DigitalOceanEmbedding.class_name() == "DigitalOcean_Embedding"
    assert issubclass(DigitalOcean, BaseModel)


def test_a_schema_may_have_properties_that_are_named_like_secrets(emu: Emulator) -> None:
    text = {"type": "string"}
    schema = {"type": "object", "properties": {"api_key": text, "password": {"$defs": {"token": text}}, "token": text}}
    for further in ({"guided_json": schema}, {"structured_outputs": {"json": schema}}, {"json_schema": schema}):
        llm = DigitalOcean(model="gemma-4-31B-it", api_key=KEY, base_url=emu.base_url, extra_body=further)
        assert llm.extra_body == further
    with pytest.raises(ConfigError, match="'api_key' may hold a secret"):
        DigitalOcean(model="gemma-4-31B-it", api_key=KEY, extra_body={"properties": {"api_key": "abc"}})
