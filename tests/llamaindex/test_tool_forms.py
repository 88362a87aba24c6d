"""Dicts that describe tools: each form becomes the API's, choices of tools that the server runs, names, secrets."""

from __future__ import annotations

import copy
import json
import pickle
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.callbacks import CallbackManager, LlamaDebugHandler
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.span import BaseSpan
from llama_index.core.instrumentation.span_handlers import BaseSpanHandler
from llama_index.core.tools import FunctionTool
from llama_index.core.tools.types import ToolMetadata
from pydantic import SecretStr

from inference_do import ConfigError
from inference_do.emulator import Emulator, RawBody

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llamaindex_do import DigitalOcean

    Make = Callable[..., DigitalOcean]

pytestmark = pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecationWarning")  # workflows cause it

HELLO = [ChatMessage(content="Hello")]
EMPTY = {"type": "object", "properties": {}}
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def sent(emu: Emulator) -> list[dict[str, Any]]:
    tools = emu.requests[-1].json["tools"]
    assert "null" not in json.dumps(tools)
    return tools  # type: ignore[no-any-return]


def function(parameters: Any = CITY, **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "look", "parameters": parameters, **more}}


class Served(FunctionTool):
    """A tool with the schema that a server gave."""

    def __init__(self, schema: dict[str, Any]) -> None:
        class Metadata(ToolMetadata):
            def get_parameters_dict(self) -> dict[str, Any]:
                return schema

        super().__init__(print, Metadata(name="look", description=""))


FORMS: dict[str, tuple[Any, dict[str, Any]]] = {
    "E26 an object without properties": (function({"type": "object"}), function(EMPTY)),
    "E26 parameters and description None": (function(None, description=None, strict=None), function(EMPTY)),
    "empty parameters": (function({}), function(EMPTY)),
    "E26 MCP": ({"name": "look", "description": "d", "inputSchema": CITY}, function(description="d")),
    "MCP without parameters": ({"name": "look", "inputSchema": {"type": "object"}}, function(EMPTY)),
    "Anthropic": ({"name": "look", "input_schema": CITY}, function()),
    "Anthropic with its type": ({"type": "custom", "name": "look", "input_schema": CITY}, function()),
    "flat": ({"type": "function", "name": "look", "parameters": CITY, "description": None}, function()),
    "a tool of an MCP server": (Served({"type": "object"}), function(EMPTY)),
    "a tool without a schema": (Served({}), function(EMPTY)),
}


@pytest.mark.parametrize(("tool", "expected"), FORMS.values(), ids=FORMS)
def test_forms(llm: DigitalOcean, emu: Emulator, tool: Any, expected: dict[str, Any]) -> None:
    before = copy.deepcopy(tool) if isinstance(tool, dict) else tool
    llm.chat(HELLO, tools=[tool])
    assert sent(emu) == [expected]
    llm.chat_with_tools([tool], "Hello")
    assert sent(emu) == [expected]
    assert tool == before


@pytest.mark.parametrize(
    "tool",
    [{"type": "custom", "name": "run", "format": {}}, {"type": "custom", "custom": {"name": "run"}}, CITY],
    ids=["E26 custom", "nested", "a schema"],
)
def test_what_is_no_function_is_refused(llm: DigitalOcean, tool: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"custom tool|give it a name"):
        llm.chat(HELLO, tools=[tool])


# --- choices ---

ANSWER = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi."}, "finish_reason": "stop"}]}
SERVED: list[dict[str, Any]] = [
    {"type": "web_search", "max_uses": 1},
    {"type": "knowledge_base_retrieval", "knowledge_base_id": "7"},
    {"type": "mcp", "server_label": "docs", "server_url": "https://mcp.example.com"},
    {"type": "web_search_preview"},
]
CHOICES: dict[str, tuple[Any, Any]] = {
    "H45": ("web_search", {"type": "web_search"}),
    "retrieval": ("knowledge_base_retrieval", {"type": "knowledge_base_retrieval"}),
    "mcp": ("mcp", {"type": "mcp", "server_label": "docs"}),
    "mcp by its label": ("docs", {"type": "mcp", "server_label": "docs"}),
    "preview": ("web_search_preview", {"type": "web_search_preview"}),
    "a dict": ({"type": "web_search"}, {"type": "web_search"}),
    "a function": ("look", {"type": "function", "function": {"name": "look"}}),
    "any": ("any", "required"),
}


@pytest.mark.parametrize(("choice", "expected"), CHOICES.values(), ids=CHOICES)
def test_choices_of_tools_that_the_server_runs(llm: DigitalOcean, emu: Emulator, choice: Any, expected: Any) -> None:
    emu.always = RawBody(json.dumps(ANSWER).encode())  # the emulator knows this API's own tools only
    tools: Any = [*SERVED, function()]
    llm.chat(HELLO, tools=tools, tool_choice=choice)
    assert emu.requests[-1].json["tool_choice"] == expected
    llm.chat_with_tools(tools, "Hello", tool_choice=choice)
    assert emu.requests[-1].json["tool_choice"] == expected


def test_a_choice_of_none_of_them_is_refused(llm: DigitalOcean) -> None:
    with pytest.raises(ConfigError, match="tool_choice names 'file_search', which is not among the tools: web_search"):
        llm.chat(HELLO, tools=SERVED, tool_choice="file_search")


# --- names ---

NAMES = ["weather.get", "wetter.für.münchen", "天气", "🌤️", "a" * 80, "a" * 79 + "b", "add it", "add_it", "Page[int]"]


@pytest.mark.parametrize("streaming", [False, True])
async def test_names_of_any_kind_go_there_and_back(llm: DigitalOcean, emu: Emulator, *, streaming: bool) -> None:
    def look(name: str) -> FunctionTool:
        def looked(city: str) -> str:
            return f"{name}:{city}"

        return FunctionTool.from_defaults(looked, name=name)

    tools: Any = [look(name) for name in NAMES]
    llm.chat_with_tools(tools, "Hello", tool_choice=NAMES[0])
    names = [tool["function"]["name"] for tool in sent(emu)]
    assert len(set(names)) == len(NAMES)
    assert emu.requests[-1].json["tool_choice"]["function"]["name"] == names[0]
    emu.reply(tool_calls=[(name, {"city": "Rome"}) for name in names])
    emu.reply("Done.")
    assert str(await FunctionAgent(tools=tools, llm=llm, streaming=streaming).run("Hello")) == "Done."
    await llm.aclose()
    history = emu.requests[-1].json["messages"]
    calls = next(message["tool_calls"] for message in history if "tool_calls" in message)
    assert [call["function"]["name"] for call in calls] == names
    results = {message["tool_call_id"]: message["content"] for message in history if message["role"] == "tool"}
    assert [results[call["id"]] for call in calls] == [f"{name}:Rome" for name in NAMES]


# --- secrets ---

SECRET = "mcp-token-0123456789"
MCP: dict[str, Any] = {
    "type": "mcp",
    "server_label": "docs",
    "server_url": "https://mcp.example.com",
    "authorization": SECRET,
    "headers": {"X-Gate": SECRET},
}
HIDDEN = {**MCP, "authorization": SecretStr(SECRET), "headers": {"X-Gate": SecretStr(SECRET)}}


class Spans(BaseSpanHandler[BaseSpan]):
    seen: ClassVar[list[str]] = []

    def new_span(self, id_: str, bound_args: Any, *args: Any, **kwargs: Any) -> BaseSpan:
        self.seen.append(repr((bound_args.args, bound_args.kwargs)))
        return BaseSpan(id_=id_)

    def prepare_to_exit_span(self, *args: Any, **kwargs: Any) -> None: ...

    def prepare_to_drop_span(self, *args: Any, **kwargs: Any) -> None: ...


class Events(BaseEventHandler):
    seen: ClassVar[list[str]] = []

    def handle(self, event: Any, **_: Any) -> None:
        self.seen.append(event.model_dump_json(fallback=repr))


@pytest.fixture
def observed() -> Iterator[list[list[str]]]:
    dispatcher = get_dispatcher()
    Spans.seen.clear()
    Events.seen.clear()
    spans, events = Spans(), Events()
    dispatcher.add_span_handler(spans)
    dispatcher.add_event_handler(events)
    yield [spans.seen, events.seen]
    dispatcher.span_handlers.remove(spans)
    dispatcher.event_handlers.remove(events)


@pytest.mark.parametrize("tool", [HIDDEN, MCP], ids=["B8 SecretStr", "B8 text"])
async def test_secrets_of_tools_are_sent_and_not_shown(
    make: Make, emu: Emulator, observed: list[list[str]], tool: dict[str, Any]
) -> None:
    debug = LlamaDebugHandler(print_trace_on_end=False)
    llm = make(callback_manager=CallbackManager([debug]))
    tools: Any = [tool]
    llm.chat(HELLO, tools=tools)
    assert sent(emu) == [MCP]
    list(llm.stream_chat(HELLO, tools=tools))
    llm.complete("Hello", tools=tools)
    await llm.achat(HELLO, tools=tools)
    llm.chat_with_tools(tools, "Hello")
    async for _ in await llm.astream_chat_with_tools(tools=tools, user_msg="Hello"):
        pass
    await llm.aclose()
    assert [request.json["tools"] for request in emu.requests] == [[MCP]] * 6
    assert len(observed[0]) >= 8
    assert len(observed[1]) >= 12
    shown = "".join(observed[0] + observed[1]) + repr(debug.get_llm_inputs_outputs())
    assert SECRET not in shown
    assert "mcp.example.com" in shown


@pytest.mark.parametrize("tool", [HIDDEN, MCP], ids=["SecretStr", "text"])
@pytest.mark.parametrize("setting", ["additional_kwargs", "extra_body"])
def test_secrets_of_tools_in_settings_are_not_shown(
    make: Make, emu: Emulator, setting: str, tool: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    llm = make(**{setting: {"tools": [tool]}})
    llm.complete("Hello")
    assert sent(emu) == [MCP]
    for view in (repr(llm), str(llm), llm.to_json(), repr(llm.to_payload()), repr(pickle.dumps(llm))):
        assert SECRET not in view
    copy.deepcopy(llm).complete("Hello")
    assert sent(emu) == [MCP]
    monkeypatch.setenv("DIGITALOCEAN_INFERENCE_KEY", emu.api_key)
    with pytest.raises(ConfigError, match="secrets are not serialized or pickled; give the tool again"):
        pickle.loads(pickle.dumps(llm)).complete("Hello")
