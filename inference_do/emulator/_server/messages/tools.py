"""Tools and the choice among them: with an `input_schema` here, canonical ones have a function of their own."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from inference_do.emulator._http import Refusal
from inference_do.emulator._server.chat.request import SERVER_TOOLS
from inference_do.emulator._server.fields import BOOLEAN, LIST, OBJECT, STRING, check_object, integer, only
from inference_do.emulator._server.fields import accept_anything as anything
from inference_do.emulator._server.searches import is_search

from .blocks import TOOL_NAME, check_cache_control
from .family import FAILING_FORCED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inference_do.models import ModelInfo

KEYS = frozenset({"type", "name", "description", "input_schema", "cache_control", "strict"})
SEARCH = {
    "type": anything,
    "name": STRING,
    "max_uses": integer(1, 5),
    "max_results": integer(1, 10),
    "allowed_domains": LIST,
    "blocked_domains": LIST,
    "user_location": OBJECT,
    "cache_control": anything,
}
CHOICES = {"auto": "auto", "any": "required", "none": "none"}
DATE = re.compile(r"_\d{8}$")


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagesTools:
    """What a request says of tools, in canonical form."""

    tools: list[dict[str, Any]] = field(default_factory=list)
    choice: Any = "auto"
    is_parallel: bool = True
    forces_search: bool = False

    @property
    def is_forced(self) -> bool:
        """Whether the model must call one."""
        return self.choice not in {"auto", "none"} if isinstance(self.choice, str) else True


def tools_of(body: Mapping[str, Any], info: ModelInfo) -> MessagesTools:
    """Check a request's tools and the choice among them.

    Raises:
        Refusal: 400; 500 where the model was seen to fail.
    """
    LIST("tools", body.get("tools", []))
    tools = [_canonical(tool, f"tools.{index}") for index, tool in enumerate(body.get("tools", ()))]
    if tools:
        _check_functions(tools)
    if "tool_choice" not in body:
        return MessagesTools(tools=tools)
    if not tools:
        raise Refusal(400, "tool_choice: tool_choice may only be specified while providing tools")
    found = _choice(body["tool_choice"], tools)
    if found.is_forced and info.id in FAILING_FORCED:
        raise Refusal(500, "Server Error.", "server_error")
    return found


def _check_functions(tools: list[dict[str, Any]]) -> None:
    names: set[str] = set()
    for index, tool in enumerate(tools):
        name = tool["function"]["name"] if tool["type"] == "function" else tool["type"]
        if name in names:
            raise Refusal(400, "tools: Tool names must be unique.")
        names.add(name)
        if tool["type"] == "function":
            schema, where = tool["function"]["parameters"], f"tools.{index}.custom.input_schema"
            if schema.get("type") != "object":
                raise Refusal(400, f"{where}.type: Field required, and it should be 'object'")
            OBJECT(f"{where}.properties", schema.get("properties", {}))


def _canonical(tool: Any, where: str) -> dict[str, Any]:
    OBJECT(where, tool)
    if "cache_control" in tool:
        check_cache_control(tool["cache_control"], f"{where}.cache_control")
    kind = tool.get("type", "custom")
    if kind != "custom":
        return _server_tool(tool, kind, where)
    only(tool, KEYS, f"{where}.custom")
    for name in ("name", "input_schema"):
        if name not in tool:
            raise Refusal(400, f"{where}.custom.{name}: Field required")
    STRING(f"{where}.custom.name", tool["name"])
    if not TOOL_NAME.match(tool["name"]):
        raise Refusal(400, f"{where}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
    OBJECT(f"{where}.custom.input_schema", tool["input_schema"])
    function = {"name": tool["name"], "parameters": tool["input_schema"]}
    if "description" in tool:
        STRING(f"{where}.custom.description", tool["description"])
        function["description"] = tool["description"]
    if "strict" in tool:
        BOOLEAN(f"{where}.custom.strict", tool["strict"])
        function["strict"] = tool["strict"]
    mark = {"cache_control": tool["cache_control"]} if "cache_control" in tool else {}
    return {"type": "function", "function": function, **mark}


def _server_tool(tool: dict[str, Any], kind: Any, where: str) -> dict[str, Any]:
    plain = DATE.sub("", kind) if isinstance(kind, str) else None
    if plain not in SERVER_TOOLS:
        known = ", ".join(f"'{name}'" for name in sorted({"custom", *SERVER_TOOLS}))
        raise Refusal(
            400, f"{where}: Input tag {kind!r} found using 'type' does not match any of the expected tags: {known}"
        )
    if is_search(tool):
        check_object(tool, SEARCH, where)
    return {**tool, "type": plain}


def _choice(choice: Any, tools: list[dict[str, Any]]) -> MessagesTools:
    OBJECT("tool_choice", choice)
    kind = choice.get("type")
    allowed = {"auto": {"disable_parallel_tool_use"}, "any": {"disable_parallel_tool_use"}, "none": set[str]()}
    allowed["tool"] = {"disable_parallel_tool_use", "name"}
    if not isinstance(kind, str) or kind not in allowed:
        raise Refusal(
            400, f"tool_choice: Input tag {kind!r} does not match any of the expected tags: auto, any, none, tool"
        )
    only(choice, {"type", *allowed[kind]}, f"tool_choice.{kind}")
    if "disable_parallel_tool_use" in choice:
        BOOLEAN(f"tool_choice.{kind}.disable_parallel_tool_use", choice["disable_parallel_tool_use"])
    is_parallel = not choice.get("disable_parallel_tool_use", False)
    functions = {tool["function"]["name"] for tool in tools if tool["type"] == "function"}
    if kind != "tool":
        forces = kind == "any" and not functions
        return MessagesTools(tools=tools, choice=CHOICES[kind], is_parallel=is_parallel, forces_search=forces)
    name = choice.get("name")
    STRING("tool_choice.tool.name", name)
    if name in functions:
        wanted = {"type": "function", "function": {"name": name}}
        return MessagesTools(tools=tools, choice=wanted, is_parallel=is_parallel)
    if name == "web_search" and any(is_search(tool) for tool in tools):
        return MessagesTools(tools=tools, choice="none", is_parallel=is_parallel, forces_search=True)
    raise Refusal(400, f"tool_choice: Tool '{name}' not found in provided tools")
