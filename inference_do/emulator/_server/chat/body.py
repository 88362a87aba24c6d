"""The body of a chat completion without streaming."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inference_do.emulator._model.tokens import tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference_do.emulator._model.answer import Answer
    from inference_do.emulator._server.completion import Completion, JsonObject
    from inference_do.emulator.quirks import Quirks


def body_of(completion: Completion, quirks: Quirks) -> JsonObject:
    """Return the completion object."""
    return {
        "id": "" if quirks.empty_id else completion.id,
        "object": "chat.completion",
        "created": completion.created,
        "model": completion.model,
        "service_tier": None,
        "choices": [
            {
                "index": index,
                "finish_reason": answer.finish,
                "logprobs": logprobs_of(tokens(answer.text or ""), completion.top_logprobs),
                "message": _message(answer, quirks),
            }
            for index, answer in enumerate(completion.answers)
        ],
        "usage": completion.usage,
        **completion.extra,
    }


def logprobs_of(pieces: Sequence[str], top: int | None) -> JsonObject | None:
    """Make well-formed log probabilities; `top` of `None` means that none were asked for."""
    if top is None:
        return None
    entries = []
    for piece in pieces:
        entry = _probability(piece, 0)
        rivals = [piece, *(piece + "'" * i for i in range(1, top))][:top]
        entries.append({**entry, "top_logprobs": [_probability(rival, rank) for rank, rival in enumerate(rivals)]})
    return {"content": entries, "refusal": None}


def _probability(piece: str, rank: int) -> JsonObject:
    return {"token": piece, "logprob": -0.01 - rank, "bytes": list(piece.encode(errors="replace"))}


def _message(answer: Answer, quirks: Quirks) -> JsonObject:
    message: JsonObject = {
        "role": "" if quirks.empty_role else "assistant",
        "content": answer.text,
        "refusal": None,
        quirks.reasoning_field: answer.shown_reasoning,
        "audio": None,
        **answer.extra,
    }
    if answer.calls:
        message["tool_calls"] = [
            {
                "id": "" if quirks.tool_ids in {"missing", "empty"} else call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in answer.calls
        ]
    return message
