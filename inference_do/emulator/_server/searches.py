"""The web search that the API runs itself: the pretend model searches when it is told to, and finds one page."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from inference_do.emulator._model.text import prompt_of, shortened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inference_do.emulator._model.answer import Answer

ASKS = re.compile(r"\b(search|look\s+up|web|internet|news|latest|today|currently)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Search:
    """One search with what it found."""

    query: str
    url: str
    title: str

    @property
    def annotation(self) -> dict[str, Any]:
        """The page as a citation, in chat completions' form, without its place in the text."""
        return {"url": self.url, "title": self.title}


def is_search(tool: Mapping[str, Any]) -> bool:
    """Return whether a tool is the API's web search; its name may end in a date."""
    return str(tool.get("type")).startswith("web_search")


def search_of(chat: Mapping[str, Any], *, forced: bool) -> Search | None:
    """Return the search that the model makes before it answers, if it makes one.

    Args:
        chat: The canonical request.
        forced: Whether the request says that it must.
    """
    offered = any(is_search(tool) for tool in chat.get("tools") or ())
    wants = chat["messages"][-1]["role"] == "user" and ASKS.search(prompt_of(chat)) is not None
    if not offered or not (forced or (wants and chat.get("tool_choice") != "none")):
        return None
    query = shortened(prompt_of(chat), 80)
    return Search(query, f"https://example.com/{quote(query[:40].casefold(), safe='')}", f"About {query[:40]}")


def with_source(answer: Answer, search: Search) -> Answer:
    """Return an answer that ends in a sentence which cites what was found; tool calls and cut answers stay as they are.

    The citation is in chat completions' form, in `annotations`.
    """
    if answer.text is None or answer.calls or answer.finish != "stop":
        return answer
    start = len(answer.text) + 1
    text = f"{answer.text} A page says more: {search.title}."
    cited = {**search.annotation, "start_index": start, "end_index": len(text)}
    annotations = [*answer.extra.get("annotations", ()), {"type": "url_citation", "url_citation": cited}]
    return replace(answer, text=text, extra={**answer.extra, "annotations": annotations})
