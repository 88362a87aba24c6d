"""Tools and the choice among them: flat here, canonical ones have a function of their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from inference_do.emulator._http import Refusal
from inference_do.emulator._server.chat.request import CHECKS, SERVER_TOOLS
from inference_do.emulator._server.fields import LIST, STRING, check_object, integer, one_of, only, text_list
from inference_do.emulator._server.fields import accept_anything as anything
from inference_do.emulator._server.searches import is_search

from .family import PHASED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inference_do.models import ModelInfo

SEARCH = {
    "type": anything,
    "max_uses": integer(1, 5),
    "max_results": integer(1, 10),
    "filters": anything,
    "user_location": anything,
    "search_context_size": one_of("low", "medium", "high"),
}
MCP = {
    "type": anything,
    "server_label": STRING,
    "server_url": STRING,
    "authorization": STRING,
    "allowed_tools": text_list(),
    "headers": anything,
    "require_approval": anything,
}
BASE = {"type": anything, "knowledge_base_id": STRING}


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponsesTools:
    """What a request says of tools, in canonical form."""

    tools: list[dict[str, Any]] = field(default_factory=list)
    choice: Any = None
    forces_search: bool = False
    namespaces: Mapping[str, str] = field(default_factory=dict)
    """The namespace of each function that has one."""


def tools_of(body: Mapping[str, Any], info: ModelInfo) -> ResponsesTools:
    """Check a request's tools and the choice among them.

    Raises:
        Refusal: 400.
    """
    if "tools" not in body:
        if body.get("tool_choice", "auto") not in ("auto", "none"):
            raise Refusal(400, "Tool choice 'required' must be specified with 'tools' parameter.")
        return ResponsesTools()
    LIST("tools", body["tools"])
    namespaces: dict[str, str] = {}
    tools: list[dict[str, Any]] = []
    for index, tool in enumerate(body["tools"]):
        tools += _canonical(tool, f"tools[{index}]", info, namespaces)
    if tools:
        CHECKS["tools"]("tools", tools)
    choice, allowed, forces = _choice(body.get("tool_choice", "auto"), tools)
    return ResponsesTools(tools=allowed, choice=choice, forces_search=forces, namespaces=namespaces)


def _canonical(tool: Any, where: str, info: ModelInfo, namespaces: dict[str, str]) -> list[dict[str, Any]]:
    kind = tool.get("type") if isinstance(tool, dict) else None
    if kind == "function":
        only(tool, {"type", "name", "description", "parameters", "strict"}, where)
        if "name" not in tool:
            raise Refusal(400, f"Missing required parameter: '{where}.name'.")
        return [{"type": "function", "function": {key: value for key, value in tool.items() if key != "type"}}]
    if kind == "namespace" and PHASED.match(info.id):
        match tool:
            case {"name": str() as name, "description": str(), "tools": [_, *_] as inner}:
                found = [
                    one for i, each in enumerate(inner) for one in _canonical(each, f"{where}.tools[{i}]", info, {})
                ]
                namespaces.update((one["function"]["name"], name) for one in found)
                return found
        raise Refusal(400, f"Missing required parameter: '{where}' needs a name, a description and tools.")
    return [_server_tool(tool, kind, where)]


def _server_tool(tool: Any, kind: Any, where: str) -> dict[str, Any]:
    known = sorted({"function", "namespace", *SERVER_TOOLS})
    if not isinstance(kind, str) or not (kind in SERVER_TOOLS or is_search(tool)):
        raise Refusal(400, f"Invalid value: {kind!r}. Supported values of '{where}.type' are: {', '.join(known)}.")
    if is_search(tool):
        check_object(tool, SEARCH, where)
        return {**tool, "type": "web_search"}
    if kind == "mcp":
        check_object(tool, MCP, where, required=("server_label", "server_url"))
    elif kind == "knowledge_base_retrieval":
        check_object(tool, BASE, where, required=("knowledge_base_id",))
    return dict(tool)


def _choice(choice: Any, tools: list[dict[str, Any]]) -> tuple[Any, list[dict[str, Any]], bool]:
    """Return the canonical choice, the tools that it leaves, and whether it forces a search."""
    names = {tool["function"]["name"] for tool in tools if tool["type"] == "function"}
    kinds = {tool["type"] for tool in tools}
    match choice:
        case "auto" | "none":
            return choice, tools, False
        case "required" if tools:
            return choice, tools, not names and "web_search" in kinds
        case {"type": "function", "name": str() as name, **rest} if not rest:
            if name not in names:
                raise Refusal(400, f"Tool choice {name!r} not found in 'tools' parameter.")
            return {"type": "function", "function": {"name": name}}, tools, False
        case {"type": "allowed_tools", "mode": "auto" | "required" as mode, "tools": [_, *_] as allowed, **rest} if (
            not rest
        ):
            return mode, _allowed(allowed, tools), False
        case {"type": str() as kind, **rest} if not rest and (kind in kinds or is_search(choice)):
            if is_search(choice) and "web_search" not in kinds:
                raise Refusal(400, f"Tool choice {kind!r} not found in 'tools' parameter.")
            return "none", tools, is_search(choice)
    raise Refusal(
        400, f"Invalid value: {choice!r}. 'tool_choice' should be none, auto, required, or a tool that there is."
    )


def _allowed(allowed: list[Any], tools: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for one in allowed:
        match one:
            case {"type": "function", "name": str() as name}:
                found += [tool for tool in tools if tool.get("function", {}).get("name") == name]
            case {"type": str() as kind}:
                found += [tool for tool in tools if tool["type"] == kind != "function"]
            case _:
                raise Refusal(400, f"Invalid value: {one!r} in 'tool_choice.tools'.")
    if len(found) < len(allowed):
        raise Refusal(400, "Tool choice allows tools that are not in the 'tools' parameter.")
    return found
