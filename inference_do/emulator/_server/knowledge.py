"""Knowledge bases: `POST /v1/{id}/retrieve`, by similarity of words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from inference_do.emulator._http import Refusal
from inference_do.emulator._model.vectors import embed

FIELDS = frozenset({"query", "num_results", "alpha", "filters"})
DIMENSIONS = 256

Document = Mapping[str, Any]
Bases = Mapping[str, Sequence[Document]]


def bases_of(given: Mapping[str, Sequence[Any]]) -> dict[str, list[Document]]:
    """Return knowledge bases whose documents may be given as texts."""
    return {name: [_document(item) for item in documents] for name, documents in given.items()}


def _document(item: Any) -> Document:
    return {"text_content": item, "metadata": {}} if isinstance(item, str) else {"metadata": {}, **item}


def retrieved(body: Mapping[str, Any], documents: Sequence[Document]) -> dict[str, Any]:
    """Answer a request for documents, the most similar first.

    Raises:
        Refusal: 400, for a request of the wrong form.
    """
    _check(body)
    found = [document for document in documents if _passes(document["metadata"], body.get("filters") or {})]
    ranked = [document for document, _ in ranked_by(body["query"], found)][: body["num_results"]]
    results = [{"text_content": item["text_content"], "metadata": dict(item["metadata"])} for item in ranked]
    return {"results": results, "total_results": len(results)}


def ranked_by(query: str, documents: Sequence[Document]) -> list[tuple[Document, float]]:
    """Return documents with their similarity to a query, the most similar first."""
    wanted = embed(query, DIMENSIONS)
    scored = [(item, _similarity(wanted, embed(item["text_content"], DIMENSIONS))) for item in documents]
    return sorted(scored, key=lambda pair: -pair[1])


def _similarity(left: Sequence[float], right: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))


def _check(body: Mapping[str, Any]) -> None:
    for name in body:
        if name not in FIELDS:
            raise Refusal(400, f"unknown field {name!r}: expected {', '.join(sorted(FIELDS))}")
    if not isinstance(body.get("query"), str) or not body["query"]:
        raise Refusal(400, "query is required and must be a non-empty string")
    count = body.get("num_results")
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= 100:
        raise Refusal(400, f"num_results is required and must be between 1 and 100, not {count!r}")
    alpha = body.get("alpha", 0)
    if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not 0 <= alpha <= 1:
        raise Refusal(400, f"alpha must be between 0 and 1, not {alpha!r}")
    filters = body.get("filters", {})
    if not isinstance(filters, dict) or set(filters) - {"must", "should", "must_not"}:
        raise Refusal(400, "filters takes must, should and must_not")
    for name, conditions in filters.items():
        if not isinstance(conditions, list | None) or not all(map(_is_condition, conditions or ())):
            raise Refusal(400, f"filters.{name} must be an array of objects with field, operator and value")


def _is_condition(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("field"), str) and isinstance(value.get("operator"), str)


def _passes(metadata: Mapping[str, Any], filters: Mapping[str, Any]) -> bool:
    must, should, must_not = (filters.get(name) or () for name in ("must", "should", "must_not"))
    return (
        all(_holds(metadata, one) for one in must)
        and not any(_holds(metadata, one) for one in must_not)
        and (not should or any(_holds(metadata, one) for one in should))
    )


def _holds(metadata: Mapping[str, Any], condition: Mapping[str, Any]) -> bool:
    try:
        return _compared(metadata, condition)
    except TypeError:  # values of different kinds
        return False


def _compared(metadata: Mapping[str, Any], condition: Mapping[str, Any]) -> bool:  # noqa: PLR0911 - one case an operator
    has, value = metadata.get(condition["field"]), condition.get("value")
    match condition.get("operator"):
        case "eq":
            return bool(has == value)
        case "ne":
            return bool(has != value)
        case "in":
            return has in (value or ())
        case "not_in":
            return has not in (value or ())
        case "contains":
            return value in (has or ())
        case "gt" | "gte" | "lt" | "lte" as operator if has is not None and value is not None:
            under = has < value or (operator == "lte" and has == value)
            over = has > value or (operator == "gte" and has == value)
            return bool(over if operator.startswith("g") else under)
        case "gt" | "gte" | "lt" | "lte":
            return False
        case other:
            raise Refusal(400, f"unknown operator {other!r}")
