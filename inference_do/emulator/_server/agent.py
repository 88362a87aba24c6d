"""An agent: `POST /api/v1/chat/completions?agent=true`, with a key, a model and knowledge of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference_do.emulator._http import Refusal
from inference_do.emulator._model.text import text_of

from .knowledge import ranked_by

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .knowledge import Document

FIELDS = frozenset(
    {
        "k",
        "retrieval_method",
        "kb_filters",
        "filter_kb_content_by_query_metadata",
        "instruction_override",
        "include_functions_info",
        "include_retrieval_info",
        "include_guardrails_info",
        "provide_citations",
    }
)
"""What an agent takes besides the fields of a chat request."""

METHODS = frozenset({"rewrite", "step_back", "sub_queries", "none"})
GUARDED = "password"
"""A word that the agent's guardrail stops at."""


class Unprocessable(Exception):  # noqa: N818 - it is the agent's answer, not a defect
    """A request that the agent answers with 422, in FastAPI's form."""

    def __init__(self, location: Sequence[str | int], message: str) -> None:
        super().__init__(message)
        self.body = {"detail": [{"loc": list(location), "msg": message, "type": "value_error"}]}


def check_agent(body: Mapping[str, Any], query: str) -> None:
    """Refuse what an agent refuses before it looks at the request as a chat request.

    Raises:
        Unprocessable: 422.
    """
    if "agent=true" not in query.split("&"):
        raise Unprocessable(["query", "agent"], "Field required")
    if not isinstance(body.get("messages"), list) or not body["messages"]:
        raise Unprocessable(["body", "messages"], "List should have at least 1 item")
    for position, message in enumerate(body["messages"]):
        if not isinstance(message, dict) or not isinstance(message.get("content"), str | None):
            raise Unprocessable(["body", "messages", position, "content"], "Input should be a valid string")
    method = body.get("retrieval_method", "none")
    if not isinstance(method, str) or method not in METHODS:
        raise Unprocessable(["body", "retrieval_method"], f"must be one of {sorted(METHODS)}, not {method!r}")


def as_chat(body: Mapping[str, Any], documents: Sequence[Document]) -> dict[str, Any]:
    """Return the chat request that an agent makes of a request: instructions and knowledge first."""
    chat = {name: value for name, value in body.items() if name not in FIELDS}
    found = [document["text_content"] for document, _ in _found(body, documents)]
    before = [text for text in (body.get("instruction_override"), "\n".join(found)) if text]
    messages = [{"role": "system", "content": text} for text in before]
    return {**chat, "model": chat.get("model", "n/a"), "messages": [*messages, *body["messages"]]}


def metadata_of(body: Mapping[str, Any], documents: Sequence[Document]) -> dict[str, Any]:
    """Return what an agent reports besides its answer, as far as the request asks for it."""
    metadata: dict[str, Any] = {}
    if body.get("include_retrieval_info") or body.get("provide_citations"):
        found = _found(body, documents)
        metadata["retrieval"] = {
            "retrieved_data": [
                {"id": f"doc-{index}", "index": index, "score": round(score, 4), **document}
                for index, (document, score) in enumerate(found)
            ]
        }
    if body.get("include_guardrails_info"):
        triggered = [{"message": "a secret was asked for", "rule_name": "secrets"}] if is_guarded(body) else []
        metadata["guardrails"] = {"triggered_guardrails": triggered}
    if body.get("include_functions_info"):
        metadata["functions"] = {"called_functions": []}
    return metadata


def is_guarded(body: Mapping[str, Any]) -> bool:
    """Return whether the agent's guardrail stops this request."""
    return GUARDED in text_of(body["messages"][-1]).lower()


def _found(body: Mapping[str, Any], documents: Sequence[Document]) -> list[tuple[Document, float]]:
    count = body.get("k", 3)
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise Refusal(400, f"k must be a whole number from 0 up, not {count!r}")
    return ranked_by(text_of(body["messages"][-1]), documents)[:count]
