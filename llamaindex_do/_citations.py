"""Citations of an answer as LlamaIndex's blocks."""

from __future__ import annotations

from typing import Any

from llama_index.core.base.llms.types import CitationBlock, TextBlock

from inference_do._adapters.citations import PLACES, is_whole, read_citation

__all__ = ["read_citations"]

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
        block = _block(annotation, text)
        if block is None:
            others.append(annotation)
        else:
            blocks.append(block)
    return blocks, others


def _block(annotation: Any, text: str) -> CitationBlock | None:
    read = read_citation(annotation)
    if read is None:
        return None
    cited, places = read.cited_text, read.places
    if cited is None and len(places) == len(PLACES):
        start, end = (max(places[name], 0) for name in PLACES)
        cited = text[start:end]
    return CitationBlock(
        cited_content=TextBlock(text=cited or ""),
        source=read.source,
        title=read.title or read.source,
        additional_location_info={k: v for k, v in read.fields.items() if is_whole(v) and k not in NO_PLACES},
    )
