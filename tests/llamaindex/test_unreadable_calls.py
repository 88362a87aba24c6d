"""Calls whose arguments were cut off or cannot be read: no tool runs, the model reads why, the agent goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent, ToolCallResult
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ToolCallBlock
from llama_index.core.program import FunctionCallingProgram
from llama_index.core.tools import FunctionTool
from llama_index.core.tools.types import AsyncBaseTool, ToolMetadata, ToolOutput
from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from inference_do.emulator import Emulator
    from llamaindex_do import DigitalOcean

    Make = Callable[..., DigitalOcean]

pytestmark = pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecationWarning")  # workflows cause it

HELLO = [ChatMessage(content="Delete the old orders")]
CUT_TEXT = '{"table": "orders", "where": "id = '


class Refused(NamedTuple):
    """A call that must not run."""

    arguments: str
    finish: str
    reason: str


REFUSED = {
    "A2 cut in a string": Refused(CUT_TEXT, "length", "cut off"),
    "cut before the arguments": Refused("", "length", "cut off"),
    "cut by a filter": Refused("", "content_filter", "cut off"),
    "cut by a deadline": Refused("", "timeout", "cut off"),
    "cut by another name of the limit": Refused(CUT_TEXT, "max_output_tokens", "cut off"),
    "cut by the context": Refused("", "model_context_window_exceeded", "cut off"),
    "cut by a safety filter": Refused("", "SAFETY", "cut off"),
    "cut, and the server says otherwise": Refused(CUT_TEXT, "tool_calls", "unreadable"),
    "not JSON": Refused("{table: orders}", "tool_calls", "unreadable"),
    "two objects": Refused('{"table": "a"}{"table": "b"}', "tool_calls", "unreadable"),
    "a list": Refused('["orders"]', "stop", "unreadable"),
    "text": Refused("orders", "stop", "unreadable"),
}
cases = pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)


class Served(AsyncBaseTool):
    """A tool like those of MCP servers and query engines: it takes any keyword, and has no function to look at."""

    def __init__(self, ran: list[Any]) -> None:
        self._ran = ran

    @property
    def metadata(self) -> ToolMetadata:
        return ToolMetadata(name="delete_rows", description="Delete rows; all of them by default.")

    def call(self, *args: Any, **kwargs: Any) -> ToolOutput:
        self._ran.append((args, kwargs))
        return ToolOutput(content="all deleted", tool_name="delete_rows", raw_input=kwargs, raw_output=None)

    async def acall(self, *args: Any, **kwargs: Any) -> ToolOutput:
        return self.call(*args, **kwargs)


@pytest.fixture
def ran() -> list[Any]:
    return []


@pytest.fixture(params=["any keyword", "all defaults", "one parameter", "served"])
def tool(request: pytest.FixtureRequest, ran: list[Any]) -> Any:
    def any_keyword(**kwargs: Any) -> str:
        """Delete rows."""
        ran.append(kwargs)
        return "all deleted"

    def all_defaults(table: str = "all", where: str = "true") -> str:
        """Delete rows."""
        ran.append((table, where))
        return "all deleted"

    def one_parameter(table: str) -> str:
        """Delete a table."""
        ran.append(table)
        return "all deleted"

    if request.param == "served":
        return Served(ran)
    functions = {"any keyword": any_keyword, "all defaults": all_defaults, "one parameter": one_parameter}
    return FunctionTool.from_defaults(functions[request.param], name="delete_rows")


@pytest.fixture
def model(make: Make) -> Iterator[DigitalOcean]:
    llm = make()
    yield llm
    llm.close()


@cases
@pytest.mark.parametrize(
    ("streaming", "workflow"),
    [(True, False), (False, False), (True, True)],
    ids=["streamed", "whole", "workflow"],
)
async def test_an_agent_goes_on(
    model: DigitalOcean,
    emu: Emulator,
    tool: Any,
    ran: list[Any],
    case: Refused,
    *,
    streaming: bool,
    workflow: bool,
) -> None:
    emu.reply(tool_calls=[("delete_rows", case.arguments)], finish_reason=case.finish)
    emu.reply("I could not delete them.")
    agent: Any = FunctionAgent(name="worker", description="d", tools=[tool], llm=model, streaming=streaming)
    agent = AgentWorkflow(agents=[agent], root_agent="worker") if workflow else agent
    handler = agent.run("Delete the old orders")
    results = [event async for event in handler.stream_events() if isinstance(event, ToolCallResult)]
    assert str(await handler) == "I could not delete them."
    await model.aclose()
    assert ran == []
    assert [result.tool_output.is_error for result in results] == [True]
    call, answer = emu.requests[1].json["messages"][-2:]
    assert answer["tool_call_id"] == call["tool_calls"][0]["id"]
    assert call["tool_calls"][0]["function"]["name"] == "delete_rows"
    assert answer["content"].startswith("Tool delete_rows (not run, because its arguments ")
    assert case.reason in answer["content"]


async def test_the_other_calls_of_an_answer_run(model: DigitalOcean, emu: Emulator, ran: list[Any]) -> None:
    calls = [("delete_rows", {"table": "a"}), ("delete_rows", {}), ("delete_rows", "")]
    emu.reply(tool_calls=calls, finish_reason="length")
    emu.reply("Done.")
    await FunctionAgent(tools=[Served(ran)], llm=model).run("Delete the old orders")
    await model.aclose()
    assert sorted(map(str, ran)) == ["((), {'table': 'a'})", "((), {})"]
    answers = [message["content"] for message in emu.requests[1].json["messages"] if message["role"] == "tool"]
    assert [("cut off" in answer) for answer in answers].count(True) == 1


async def test_a_whole_object_runs_where_the_limit_came_after_it(
    model: DigitalOcean, emu: Emulator, ran: list[Any]
) -> None:
    emu.reply(tool_calls=[("delete_rows", {"table": "a"})], finish_reason="length")
    response = await model.achat_with_tools([Served(ran)], "x")
    await model.aclose()
    (selection,) = model.get_tool_calls_from_response(response)
    assert (selection.tool_name, selection.tool_kwargs) == ("delete_rows", {"table": "a"})


@cases
@pytest.mark.parametrize("parallel", [False, True])
async def test_predict_and_call(
    model: DigitalOcean,
    emu: Emulator,
    tool: Any,
    ran: list[Any],
    case: Refused,
    *,
    parallel: bool,
) -> None:
    for _ in range(3):
        emu.reply(tool_calls=[("delete_rows", case.arguments)], finish_reason=case.finish)
    answers = [
        model.predict_and_call([tool], "Delete", allow_parallel_tool_calls=parallel),
        await model.apredict_and_call([tool], "Delete", allow_parallel_tool_calls=parallel),
    ]
    for answer in answers:
        assert answer.response.startswith("Tool delete_rows was not run, because its arguments ")
        assert case.reason in answer.response
        assert [source.is_error for source in answer.sources] == [True]
    with pytest.raises(ValueError, match=case.reason):
        model.predict_and_call([tool], "Delete", error_on_tool_error=True)
    await model.aclose()
    assert ran == []
    assert [len(request.json["tools"]) for request in emu.requests] == [1, 1, 1]


class Filter(BaseModel):
    """What to look for."""

    year: int | None = None


def test_a_program_fails(make: Make, emu: Emulator) -> None:
    emu.reply(tool_calls=[("Filter", '{"year": 19')], finish_reason="length")
    program = FunctionCallingProgram.from_defaults(Filter, prompt_template_str="x", llm=make())
    with pytest.raises(ValueError, match="cut off"):
        program()


@cases
async def test_selections_have_a_name_that_says_why(model: DigitalOcean, emu: Emulator, case: Refused) -> None:
    for _ in range(4):
        emu.reply(tool_calls=[("delete_rows", case.arguments)], finish_reason=case.finish)
    responses = [
        model.chat(HELLO),
        list(model.stream_chat(HELLO))[-1],
        await model.achat(HELLO),
        [response async for response in await model.astream_chat(HELLO)][-1],
    ]
    await model.aclose()
    for response in responses:
        (selection,) = model.get_tool_calls_from_response(response)
        block = response.message.blocks[-1]
        assert selection.tool_name.startswith("delete_rows (not run, because")
        assert case.reason in selection.tool_name
        assert (selection.tool_kwargs, selection.tool_id) == ({}, block.tool_call_id)
        assert (block.tool_name, block.tool_kwargs) == ("delete_rows", case.arguments)


def test_a_call_of_a_stored_message_is_judged_too(model: DigitalOcean) -> None:
    message = ChatMessage(role="assistant", blocks=[ToolCallBlock(tool_name="delete_rows", tool_kwargs=CUT_TEXT)])
    (selection,) = model.get_tool_calls_from_response(ChatResponse(message=message))
    assert "unreadable" in selection.tool_name
    readable = ToolCallBlock(tool_name="delete_rows", tool_kwargs='{"table": "a"}')
    response = ChatResponse(message=ChatMessage(role="assistant", blocks=[readable]))
    (selection,) = model.get_tool_calls_from_response(response)
    assert (selection.tool_name, selection.tool_kwargs) == ("delete_rows", {"table": "a"})


READABLE = {
    "E23 null": ("null", {}),
    "nothing": ("", {}),
    "white space": (" \n", {}),
    "E23 a raw newline in a string": ('{"code": "a = 1\nb = 2"}', {"code": "a = 1\nb = 2"}),
    "a tab": ('{"code": "\tx"}', {"code": "\tx"}),
}


@pytest.mark.parametrize(("arguments", "expected"), READABLE.values(), ids=READABLE)
async def test_what_means_one_thing_only_is_read(
    model: DigitalOcean, emu: Emulator, ran: list[Any], arguments: str, expected: dict[str, Any]
) -> None:
    emu.reply(tool_calls=[("delete_rows", arguments)])
    response = model.chat(HELLO)
    assert response.message.blocks[-1].tool_kwargs == expected
    emu.reply(tool_calls=[("delete_rows", arguments)])
    emu.reply("Done.")
    await FunctionAgent(tools=[Served(ran)], llm=model).run("Delete the old orders")
    await model.aclose()
    assert ran == [((), expected)]
