"""Citations of an answer as LlamaIndex's blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from llama_index.core.base.llms.types import CitationBlock, TextBlock

__all__ = ["read_citations"]

SOURCES = ("url", "source", "file_id", "document_id", "filename", "document_title")
"""Where a citation says what is cited, the best first."""
TITLES = ("title", "document_title", "filename")
NO_PLACES = frozenset({"index"})
"""Numbers that do not say where something stands."""


def read_citations(annotations: Any, text: str) -> tuple[list[CitationBlock], list[Any]]:
    """Return the citations of an answer as blocks, and what is left: those that name no source.

    Args:
        annotations: The answer's annotations, as the API gave them.
        text: The answer's text, of which a citation may tell the part that it belongs to.
    """
    blocks: list[CitationBlock] = []
    others: list[Any] = []
    for annotation in annotations if isinstance(annotations, list) else ():
        block = _block(annotation, text) if isinstance(annotation, Mapping) else None
        if block is None:
            others.append(annotation)
        else:
            blocks.append(block)
    return blocks, others


def _block(annotation: Mapping[str, Any], text: str) -> CitationBlock | None:
    inner = annotation.get(str(annotation.get("type")))
    fields: Mapping[str, Any] = inner if isinstance(inner, Mapping) else annotation
    source = next(_texts(fields, SOURCES), None)
    if source is None:
        return None
    places = {
        name: value
        for name, value in fields.items()
        if isinstance(value, int) and not isinstance(value, bool) and name not in NO_PLACES
    }
    cited = next(_texts(fields, ("cited_text", "text")), None)
    if cited is None and {"start_index", "end_index"} <= places.keys():
        cited = text[max(places["start_index"], 0) : max(places["end_index"], 0)]
    return CitationBlock(
        cited_content=TextBlock(text=cited or ""),
        source=source,
        title=next(_texts(fields, TITLES), source),
        additional_location_info=places,
    )


def _texts(fields: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[str]:
    return (value for name in names if isinstance(value := fields.get(name), str) and value)
