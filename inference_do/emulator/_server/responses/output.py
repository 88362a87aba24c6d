"""The items of an answer, as the final object has them."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from inference_do.emulator._json import to_json
from inference_do.emulator._model.tokens import tokens
from inference_do.emulator._server.chat.body import logprobs_of
from inference_do.emulator._server.seals import ItemId, item_id, seal

from .family import ENCRYPTED as INCLUDED
from .family import PHASED, is_openai
from .thoughts import ENCRYPTED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inference_do.emulator._model.answer import Answer, ModelCall
    from inference_do.emulator._server.completion import Completion
    from inference_do.emulator._server.searches import Search
    from inference_do.models import ModelInfo

    from .request import ResponsesRequest

Item = dict[str, Any]
BLANK_LINE = re.compile(r"\n{2,}")


def output_of(
    completion: Completion,
    asked: ResponsesRequest,
    body: Mapping[str, Any],
    info: ModelInfo,
    search: Search | None,
) -> list[Item]:
    """Return the items of an answer: reasoning, what the API's own tools did, the message, calls."""
    return _OutputWriter(completion, asked, body, info).items(search)


class _OutputWriter:
    def __init__(
        self, completion: Completion, asked: ResponsesRequest, body: Mapping[str, Any], info: ModelInfo
    ) -> None:
        self._completion = completion
        self._answer: Answer = completion.answers[0]
        self._asked, self._body, self._info = asked, body, info
        self._is_openai = is_openai(info)
        self._is_reasoned = bool(self._answer.reasoning) and self._is_openai
        self._name = hashlib.sha256(to_json([info.id, asked.chat["messages"]])).hexdigest()[:24]
        self._items: list[Item] = []

    def items(self, search: Search | None) -> list[Item]:
        """Return the items."""
        answer = self._answer
        if answer.reasoning:
            self._items.append(self._reasoning(answer.reasoning))
        for item in answer.extra.get("server_tool_calls", ()):
            own = {key: value for key, value in item.items() if key != "format"}
            self._items.append({"id": self._id("item"), **own})
        if search is not None:
            self._items.append(self._search(search))
        if answer.text is not None or answer.extra.get("refusal"):
            self._items.append(self._message())
        self._items += [self._call(index, call) for index, call in enumerate(answer.calls)]
        if answer.finish == "length" and self._items and self._items[-1]["type"] in {"message", "function_call"}:
            self._items[-1]["status"] = "incomplete"
        return self._items

    def _id(self, prefix: str) -> str:
        index = len(self._items)
        if self._is_openai:
            return item_id(prefix, self._info.id, ItemId(self._name, self._is_reasoned), index)
        return f"{prefix}_{self._name[:14]}{index:02x}"

    def _reasoning(self, text: str) -> Item:
        id_ = self._id("rs")
        if not self._is_openai:
            parts = [{"type": "reasoning_text", "text": text}]
            return {
                "id": id_,
                "type": "reasoning",
                "summary": [],
                "content": parts,
                "encrypted_content": None,
                "status": None,
            }
        wanted = self._body.get("reasoning") or {}
        shows = wanted.get("summary") or wanted.get("generate_summary")
        summary = [{"type": "summary_text", "text": part} for part in BLANK_LINE.split(text)] if shows else []
        item: Item = {"id": id_, "type": "reasoning", "summary": summary}
        if INCLUDED in self._body.get("include", ()):
            calls = [call.id for call in self._answer.calls]
            item["encrypted_content"] = seal(
                ENCRYPTED, self._info.id, {"id": id_, "calls": calls, "text": text, "of": self._asked.effort}
            )
        return item

    def _search(self, search: Search) -> Item:
        action: Item = {"type": "search", "query": search.query, "queries": [search.query]}
        if "web_search_call.action.sources" in self._body.get("include", ()):
            action["sources"] = [{"type": "url", "url": search.url}]
        return {"id": self._id("ws"), "type": "web_search_call", "status": "completed", "action": action}

    def _message(self) -> Item:
        answer = self._answer
        content: list[Item] = []
        if answer.text is not None:
            part: Item = {
                "type": "output_text",
                "text": answer.text,
                "annotations": [flat_citation(one) for one in answer.extra.get("annotations", ())],
                "logprobs": (logprobs_of(tokens(answer.text), self._completion.top_logprobs) or {}).get("content", []),
            }
            content.append(part)
        if refusal := answer.extra.get("refusal"):
            content.append({"type": "refusal", "refusal": refusal})
        item = {"id": self._id("msg"), "type": "message", "role": "assistant", "status": "completed"}
        if PHASED.match(self._info.id):
            item["phase"] = "commentary" if answer.calls else "final_answer"
        return {**item, "content": content}

    def _call(self, index: int, call: ModelCall) -> Item:
        item = {
            "id": f"{self._id('fc')[:-2]}{index:02x}" if not self._is_openai else self._call_id(index),
            "type": "function_call",
            "status": "completed",
            "name": call.name,
            "call_id": call.id if self._is_openai else f"functions.{call.name}:{index}",
            "arguments": call.arguments.strip(),
        }
        if space := self._asked.tools.namespaces.get(call.name):
            item["namespace"] = space
        return item

    def _call_id(self, index: int) -> str:
        item = ItemId(self._name, self._is_reasoned)
        return item_id("fc", self._info.id, item, len(self._items) + index)


def flat_citation(annotation: Mapping[str, Any]) -> Item:
    """Return a citation as this wire has it; chat completions put its fields one level deeper."""
    kind = annotation.get("type")
    inner = annotation.get(kind) if isinstance(kind, str) else None
    return {"type": kind, **inner} if isinstance(inner, dict) else dict(annotation)
