"""Vectors of texts without a model: hashed bags of words, so that texts that share words have near vectors."""

from __future__ import annotations

import hashlib
import math
import re
import struct
from collections import Counter

from .text import STOPWORDS, stem


def embed(text: str, dimensions: int) -> list[float]:
    """Make a unit vector of a text: each word's stem adds to four dimensions, which its hash chooses.

    Words that any text may have count only where there are no others.
    """
    vector = [0.0] * dimensions
    words = re.findall(r"\w+", text.lower())
    telling = [word for word in words if word not in STOPWORDS]
    for word, count in Counter(map(stem, telling or words)).items():
        digest = hashlib.blake2b(word.encode(errors="replace"), digest_size=16).digest()
        for number in struct.unpack("<4I", digest):
            vector[number % dimensions] += (1 + math.log(count)) * (1 if number & 0x80000000 else -1)
    length = math.sqrt(sum(value * value for value in vector))
    if not length:
        vector[0] = length = 1.0
    return [struct.unpack("<f", struct.pack("<f", value / length))[0] for value in vector]
