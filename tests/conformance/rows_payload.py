"""What a chunk or a reply may hold: tool calls in every form, missing and null fields, usage, reasoning (rows 38 to 48)."""

# ruff: noqa: E501  the rows of its table stay rows

from __future__ import annotations

from typing import Any

from rows import BOTH, DONE, STREAM, WHOLE, Row, completion, data, delta, hello, served

from inference_do.emulator import Corrupt, Quirks, RawBody

NOT_A_CHUNK = "an event of the stream is not a chunk of an answer"
ADD, MULTIPLY = ("add", '{"a": 1, "b": 2}'), ("multiply", '{"a": 3, "b": 4}')
CALLS: dict[str, Any] = {"tool_calls": [("add", {"a": 1, "b": 2}), ("multiply", {"a": 3, "b": 4})]}
TWO = (ADD, MULTIPLY)
CALLED: dict[str, Any] = {"reply": CALLS, "text": "", "calls": TWO, "finish": "tool_calls"}
USED = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
SO_FAR = {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6}
CACHED = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7, "prompt_tokens_details": {"cached_tokens": 4}}


def part(arguments: str = "", *, index: Any = 0, **more: Any) -> dict[str, Any]:
    """Return a fragment of a tool call; `name`, `id` and `type` as given."""
    name = {"name": more.pop("name")} if "name" in more else {}
    place = {} if index is Ellipsis else {"index": index}
    return {**place, **more, "function": {**name, "arguments": arguments}}


def calling(*chunks: list[dict[str, Any]]) -> Any:
    """Return a stream of fragments, a chunk for each list."""
    body = b"".join(data(delta(tool_calls=chunk)) for chunk in chunks)
    return served(body + data(delta(finish="tool_calls")) + DONE)


def row(name: str, *chunks: list[dict[str, Any]], calls: tuple[tuple[str, str], ...] = (ADD,)) -> Row:
    return Row(name=name, modes=STREAM, script=[calling(*chunks)], text="", calls=calls, finish="tool_calls")


def whole_call(**call: Any) -> RawBody:
    return RawBody(completion({"content": None, "tool_calls": [call]}, finish="tool_calls"))


A, B = '{"a": 1,', ' "b": 2}'
C, D = '{"a": 3,', ' "b": 4}'

ROWS = [
    Row(name="38 two calls", **CALLED),
    Row(name="38b two calls with text and thoughts", reply={**CALLS, "text": "Let me see", "reasoning": "hm"}, text="Let me see", reasoning="hm", calls=TWO, finish="tool_calls"),
    Row(name="38c arguments in one fragment", modes=STREAM, quirks=Quirks(arguments_in_one_fragment=True), **CALLED),
    Row(name="38d a call without arguments", reply={"tool_calls": [("now", {})]}, text="", calls=(("now", "{}"),), finish="tool_calls"),
    row("38e arguments never come", [part("", id="c1", name="now")], calls=(("now", "{}"),)),
    row("38f arguments are null", [{"index": 0, "id": "c1", "function": {"name": "now", "arguments": None}}], calls=(("now", "{}"),)),
    row("38g arguments are an object", [{"index": 0, "id": "c1", "function": {"name": "add", "arguments": {"a": 1, "b": 2}}}]),
    Row(name="39 index missing", modes=STREAM, quirks=Quirks(tool_index="missing"), **CALLED),
    Row(name="39b index null", modes=STREAM, quirks=Quirks(tool_index="null"), **CALLED),
    Row(name="39c index missing, ids on every fragment", modes=STREAM, quirks=Quirks(tool_index="missing", tool_ids="every"), **CALLED),
    Row(name="40 every index is 0", modes=STREAM, quirks=Quirks(tool_index="zero"), **CALLED),
    Row(name="40b every index is 0, names again and again", modes=STREAM, quirks=Quirks(tool_index="zero", tool_name_on_every_fragment=True, tool_ids="every"), **CALLED),
    row("40c indexes begin at 1", [part(A, index=1, id="c1", name="add")], [part(B, index=1)]),
    Row(name="41 fragments of two calls alternate", modes=STREAM, quirks=Quirks(interleave_calls=True), **CALLED),
    Row(name="41b fragments of two calls in one chunk", modes=STREAM, quirks=Quirks(two_fragments_per_chunk=True), **CALLED),
    row("41c alternating, told apart by ids alone", [part(A, index=..., id="c1", name="add")], [part(C, index=..., id="c2", name="multiply")], [part(B, index=..., id="c1")], [part(D, index=..., id="c2")], calls=TWO),
    Row(name="42 ids missing", modes=STREAM, quirks=Quirks(tool_ids="missing"), **CALLED),
    Row(name="42b ids empty", modes=STREAM, quirks=Quirks(tool_ids="empty"), **CALLED),
    row("42c ids are the word null", [part(A, id="null", name="add")], [part(B, id="null")]),
    row("42d the id comes later", [part(A, name="add")], [part(B, id="c1")]),
    row("42e the name comes in two parts", [part(id="c1", name="mul")], [part(name="tiply")], [part(C + D)], calls=(MULTIPLY,)),
    row("42f type empty, then null", [part(A, id="c1", name="add", type="")], [part(B, type=None)]),
    Row(name="42g a whole reply's call without id", modes=WHOLE, script=[whole_call(function={"name": "add", "arguments": ADD[1]})], text="", calls=(ADD,), finish="tool_calls"),
    Row(name="42h a whole reply's arguments are an object", modes=WHOLE, script=[whole_call(id="c1", function={"name": "add", "arguments": {"a": 1, "b": 2}})], text="", calls=(ADD,), finish="tool_calls"),
    Row(name="43 arguments are not JSON", modes=BOTH, reply={"tool_calls": [("add", "a is 1, b is 2")]}, text="", calls=(("add", "a is 1, b is 2"),), finish="tool_calls"),
    Row(name="43b a good call beside a broken one", modes=BOTH, reply={"tool_calls": [("add", {"a": 1, "b": 2}), ("multiply", '{"a" 3}')]}, text="", calls=(ADD, ("multiply", '{"a" 3}')), finish="tool_calls"),
    Row(name="44 broken JSON", modes=STREAM, script=[Corrupt(2, b"data: {oops\n\n")], error="ProtocolError", message=NOT_A_CHUNK, partial="You said", retryable=False, has_request_id=True),
    Row(name="44b broken JSON first", modes=STREAM, script=[served(b"data: {oops\n\n")], error="ProtocolError", message=NOT_A_CHUNK, partial=""),
    Row(name="44c NaN for a number", modes=STREAM, script=[served(data(delta("Hel")), b'data: {"choices": [{"delta": {"content": "l"}, "index": NaN}]}\n\n')], error="ProtocolError", message=NOT_A_CHUNK, partial="Hel"),
    Row(name="44d JSON too deep", modes=STREAM, script=[served(data(delta("Hel")), b"data: " + b"[" * 100_000 + b"\n\n")], error="ProtocolError", message=NOT_A_CHUNK, partial="Hel"),
    Row(name="45 null", modes=STREAM, script=[Corrupt(2, b"data: null\n\n")], error="ProtocolError", message=NOT_A_CHUNK, partial="You said"),
    Row(name="45b a number", modes=STREAM, script=[Corrupt(2, b"data: 42\n\n")], error="ProtocolError", message=NOT_A_CHUNK, partial="You said"),
    Row(name="45c a list", modes=STREAM, script=[Corrupt(2, b"data: []\n\n")], error="ProtocolError", message=NOT_A_CHUNK, partial="You said"),
    Row(name="45d a text", modes=STREAM, script=[Corrupt(2, b'data: "hello"\n\n')], error="ProtocolError", message=NOT_A_CHUNK, partial="You said"),
    Row(name="45e a field of another type", modes=STREAM, script=[Corrupt(2, data(delta([1, 2])))], error="ProtocolError", message=NOT_A_CHUNK, partial="You said"),
    Row(name="45f choices of another type", modes=STREAM, script=[Corrupt(2, data({"choices": "none"}))], error="ProtocolError", message=NOT_A_CHUNK, partial="You said"),
    Row(name="46 choices empty", modes=STREAM, script=[served(data({"choices": []}) + hello())], text="Hello"),
    Row(name="46b choices null", modes=STREAM, script=[served(data({"choices": None}) + hello())], text="Hello"),
    Row(name="46c choices missing", modes=STREAM, script=[served(data({"id": ""}) + hello())], text="Hello"),
    Row(name="46d delta null", modes=STREAM, script=[served(data({"choices": [{"index": 0, "delta": None}]}) + hello())], text="Hello"),
    Row(name="46e delta missing", modes=STREAM, script=[served(data({"choices": [{"index": 0}]}) + hello())], text="Hello"),
    Row(name="46f delta empty", modes=STREAM, script=[served(data({"choices": [{"index": 0, "delta": {}}]}) + hello())], text="Hello"),
    Row(name="46g content null, role empty", modes=STREAM, script=[served(data({"choices": [{"delta": {"role": "", "content": None, "tool_calls": None}}]}) + hello())], text="Hello"),
    Row(name="46h an empty object", modes=STREAM, script=[served(b"data: {}\n\n" + hello())], text="Hello"),
    Row(name="46i fields of tomorrow", modes=STREAM, script=[served(data({"x_new": [1], **delta("Hel", x_more={"a": 1})}) + data(delta("lo", finish="stop")) + DONE)], text="Hello"),
    Row(name="46j tool calls null in a whole reply", modes=WHOLE, script=[RawBody(completion({"content": "Hello", "tool_calls": None, "refusal": None}))], text="Hello"),
    Row(name="47 usage in a chunk of its own", modes=STREAM, quirks=Quirks(usage_null=True)),
    Row(name="47b usage on the finish chunk", modes=STREAM, script=[served(hello(end=data({**delta(finish="stop"), "usage": USED}) + DONE))], text="Hello", usage=(5, 2, 7)),
    Row(name="47c usage again and again", modes=STREAM, script=[served(data({**delta("Hel"), "usage": SO_FAR}) + data({**delta("lo", finish="stop"), "usage": USED}) + data({"choices": [], "usage": USED}) + DONE)], text="Hello", usage=(5, 2, 7)),
    Row(name="47d usage null", modes=STREAM, script=[served(data({**delta("Hello", finish="stop"), "usage": None}) + DONE)], text="Hello"),
    Row(name="47e choices null beside usage", modes=STREAM, quirks=Quirks(usage_choices_null=True)),
    Row(name="47f no usage although asked for", modes=STREAM, quirks=Quirks(ignore_include_usage=True)),
    Row(name="47g counts null", modes=BOTH, reply={"text": "Hello", "usage": {"prompt_tokens": None, "completion_tokens": None, "total_tokens": None}}, text="Hello", usage=(0, 0, 0)),
    Row(name="47h cached tokens are among the input", modes=BOTH, reply={"text": "Hello", "usage": CACHED}, text="Hello", usage=(5, 2, 7)),
    Row(name="48 reasoning_content", modes=BOTH, reply={"text": "4", "reasoning": "2 and 2"}, text="4", reasoning="2 and 2"),
    Row(name="48b reasoning", modes=BOTH, reply={"text": "4", "reasoning": "2 and 2"}, quirks=Quirks(reasoning_field="reasoning"), text="4", reasoning="2 and 2"),
    Row(name="48c refusal", modes=BOTH, reply={"message": {"role": "assistant", "content": None, "refusal": "I would rather not"}}, text="I would rather not"),
    Row(name="48d two answers: the first is the message", modes=STREAM, script=[served(data({"choices": [{"index": 1, "delta": {"content": "B"}, "finish_reason": "length"}, {"index": 0, "delta": {"content": "A"}}]}) + data(delta("!", finish="stop")) + DONE)], text="A!"),
    Row(name="48e thoughts only, cut by the limit", modes=BOTH, reply={"text": "", "reasoning": "let me think", "finish_reason": "length"}, text="", reasoning="let me think", finish="length"),
]  # fmt: skip
