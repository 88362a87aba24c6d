"""The wire of embeddings: what a request must look like, and the body that is sent back."""

from __future__ import annotations

import base64
import struct
from typing import TYPE_CHECKING, Any

from inference_do.emulator._http import Refusal
from inference_do.emulator._model.vectors import embed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inference_do.emulator.quirks import Quirks

DIMENSIONS = 1024
LARGEST_BATCH = 2048
FIELDS = frozenset({"model", "input", "encoding_format", "user"})


def embeddings(body: Mapping[str, Any], *, dimensions: int, quirks: Quirks) -> dict[str, Any]:
    """Answer a validated embeddings request."""
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    packed = body.get("encoding_format") == "base64"
    data = [
        {"index": index, "object": "embedding", "embedding": _packed(vector) if packed else vector}
        for index, vector in enumerate(embed(text, dimensions) for text in texts)
    ]
    if quirks.shuffle_embeddings:
        data = data[1::2] + data[::2][::-1]
    count = sum(-(-len(text) // 4) for text in texts)
    return {
        "object": "list",
        "model": body["model"],
        "data": data,
        "usage": {"prompt_tokens": count, "total_tokens": count},
    }


def check_embeddings(body: Mapping[str, Any]) -> None:
    """Refuse what the embeddings endpoint refuses: it takes four fields and nothing else."""
    for name in body:
        if name not in FIELDS:
            raise Refusal(
                400, f"additional property {name!r} is not allowed: expected model, input, encoding_format, user"
            )
    match body.get("input"):
        case str():
            pass
        case [*texts] if texts and all(isinstance(text, str) for text in texts):
            if len(texts) > LARGEST_BATCH:
                raise Refusal(400, f"input must hold at most {LARGEST_BATCH} strings, not {len(texts)}")
        case _:
            raise Refusal(400, "input must be a string or an array of 1 to 2048 strings")
    if str(body.get("encoding_format", "float")) not in {"float", "base64"}:
        raise Refusal(400, f"encoding_format must be float or base64, not {body['encoding_format']!r}")
    if not isinstance(body.get("user", ""), str):
        raise Refusal(400, "user must be a string")


def _packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
