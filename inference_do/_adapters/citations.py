"""Citations of an answer, whatever kind they are of: of the web, of a knowledge base, of a file.

What is cited has several names: OpenAI's `url_citation` and Anthropic's `char_location` are documented, what a
`knowledge_base` citation has is not. Fields stand in an object under the citation's own type, or beside the type.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["PLACES", "ReadCitation", "is_whole", "read_citation"]

SOURCES = ("url", "source", "file_id", "document_id", "filename", "document_title", "title")
"""Where a citation says what is cited, the best first."""
TITLES = ("title", "document_title", "filename")
CITED = ("cited_text", "text")
PLACES = ("start_index", "end_index")


@dataclass(frozen=True, slots=True)
class ReadCitation:
    """One citation."""

    kind: str
    fields: Mapping[str, Any]
    """All that it says, its type apart."""
    source: str
    """What is cited: an address, or another name that there is for it."""
    url: str | None
    title: str | None
    cited_text: str | None
    places: Mapping[str, int]
    """`start_index` and `end_index` in the answer's text, where they are given."""


def read_citation(annotation: Any) -> ReadCitation | None:
    """Return an annotation of an answer as a citation; None if it names no source."""
    if not isinstance(annotation, Mapping):
        return None
    kind = str(annotation.get("type"))
    inner = annotation.get(kind)
    fields = {
        name: value for name, value in (inner if isinstance(inner, Mapping) else annotation).items() if name != "type"
    }
    source = _first(fields, SOURCES)
    if source is None:
        return None
    return ReadCitation(
        kind=kind,
        fields=fields,
        source=source,
        url=_first(fields, ("url",)),
        title=_first(fields, TITLES),
        cited_text=_first(fields, CITED),
        places={name: fields[name] for name in PLACES if is_whole(fields.get(name))},
    )


def is_whole(value: Any) -> bool:
    """Return whether a field is a whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def _first(fields: Mapping[str, Any], names: Iterable[str]) -> str | None:
    return next((value for name in names if isinstance(value := fields.get(name), str) and value), None)
