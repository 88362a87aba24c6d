"""Answers in JSON: by `response_format`, or by a JSON schema that stands in the prompt."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from inference_do.emulator._json import to_json

from .arguments import value_for
from .text import prompt_of, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = re.compile(r"\bschema\b[^{}]{0,80}(?=\{)", re.IGNORECASE)
"""What stands before a schema: the word, and a few more."""
JSON_ONLY = re.compile(
    r"\b(?:answer|reply|respond)\s+(?:with|in)\s[^.!?\n]{0,20}\bJSON\b[^.!?\n]{0,20}\b(?:nothing\s+else|only)\b",
    re.IGNORECASE,
)
MOST_SCHEMAS = 20  # that are tried, from the last one on
SCHEMA_WORDS = frozenset(
    {"type", "title", "description", "properties", "required", "items", "default", "anyOf", "enum"}
)


def formatted_json(request: Mapping[str, Any]) -> str | None:
    """Answer in the JSON that `response_format` asks for; `None` when it asks for none."""
    form = request.get("response_format") or {}
    prompt = prompt_of(request)
    match form.get("type") or ("json_object" if _wants_json(request) else None):
        case "json_schema":
            return to_json(value_for(form["json_schema"]["schema"], prompt)).decode()
        case "json_object":
            keys = _keys("\n".join(text_of(message) for message in request["messages"]))
            schema = {"type": "object", "properties": {key: {"type": "string"} for key in keys}, "required": keys}
            return to_json(value_for(schema, re.sub(r"['\"`]", "", prompt))).decode()
        case _:
            return None


def _wants_json(request: Mapping[str, Any]) -> bool:
    """Return whether a system message wants JSON and nothing else."""
    told = (text_of(message) for message in request["messages"] if message["role"] in {"system", "developer"})
    return any(JSON_ONLY.search(text) for text in told)


def prompted_json(prompt: str) -> str | None:
    """Follow the last JSON schema of an object in a prompt; its braces may be doubled, as templates escape them."""
    for text in (prompt, prompt.replace("{{", "{").replace("}}", "}")):
        for found in reversed(list(SCHEMA.finditer(text))[-MOST_SCHEMAS:]):
            try:
                schema, _ = json.JSONDecoder().raw_decode(text, found.end())
            except ValueError:
                continue
            if isinstance(schema.get("properties"), dict):
                return to_json(value_for(schema, text[: found.start()])).decode()
    return None


def _keys(prompt: str) -> list[str]:
    """Find the keys that a prompt asks for: those of a JSON sample or schema, or quoted words."""
    properties = re.search(r"\"properties\"\s*:\s*\{(.*)", prompt, re.DOTALL)
    sample = re.findall(r"\"(\w+)\"\s*:", properties[1] if properties else prompt)
    keys = [key for key in sample if key not in SCHEMA_WORDS]
    keys = keys or re.findall(r"['\"`](\w+)['\"`]", prompt)
    return list(dict.fromkeys(keys)) or ["answer"]
