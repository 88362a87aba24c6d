"""Embeddings without a model: hashed bags of words, so that texts sharing words have near vectors."""

from __future__ import annotations

import base64
import hashlib
import math
import re
import struct
from collections import Counter
from typing import TYPE_CHECKING, Any

from ._http import Refusal
from ._prompt import STOPWORDS, stem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .quirks import Quirks

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
    if body.get("encoding_format", "float") not in {"float", "base64"}:
        raise Refusal(400, f"encoding_format must be float or base64, not {body['encoding_format']!r}")
    if not isinstance(body.get("user", ""), str):
        raise Refusal(400, "user must be a string")


def embed(text: str, dimensions: int) -> list[float]:
    """Make a unit vector of a text: each word's stem adds to four places chosen by its hash.

    Words that any text may have count only where there are no others.
    """
    vector = [0.0] * dimensions
    words = re.findall(r"\w+", text.lower())
    telling = [word for word in words if word not in STOPWORDS]
    for word, count in Counter(map(stem, telling or words)).items():
        digest = hashlib.blake2b(word.encode(errors="replace"), digest_size=16).digest()
        for place in struct.unpack("<4I", digest):
            vector[place % dimensions] += (1 + math.log(count)) * (1 if place & 0x80000000 else -1)
    length = math.sqrt(sum(value * value for value in vector))
    if not length:
        vector[0] = length = 1.0
    return [struct.unpack("<f", struct.pack("<f", value / length))[0] for value in vector]


def _packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
