"""`inference-do models`: a table of what is known, and which of them the key may really call."""

from __future__ import annotations

import asyncio
import json
import warnings
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from inference_do import (
    APIStatusError,
    AsyncClient,
    AuthenticationError,
    EmptyAnswerWarning,
    InferenceError,
    ModelInfo,
    closest_models,
    known_models,
    model_info,
)
from inference_do.models import CHAT_PATH, EMBEDDINGS_PATH

from ._command import failed
from ._screen import errors, one_line, say, screen
from ._table import Column, show_columns

__all__ = ["show_models"]

AT_ONCE = 4
PROBE_TOKENS = 16

Verdicts = dict[str, str]


def show_models(
    parts: list[str], *, kind: str | None, everything: bool, check: bool, as_json: bool, base_url: str | None
) -> int:
    """Show models.

    Args:
        parts: Parts of ids, all of which must be in one.
        kind: The only kind to show.
        everything: Also those that the API was not seen to list.
        check: Ask the API.
        as_json: JSON lines instead of a table.
        base_url: Where the API is.
    """

    def is_wanted(info: ModelInfo) -> bool:
        return kind in {None, info.kind} and all(word.lower() in info.id.lower() for word in parts)

    verdicts: Verdicts | None = None
    if check:
        with warnings.catch_warnings():  # around all of it, as the filters are one for all tasks
            warnings.simplefilter("ignore", EmptyAnswerWarning)
            chosen, verdicts = asyncio.run(_checked(is_wanted, base_url))
    else:
        chosen = [info for info in known_models().values() if (everything or info.listed) and is_wanted(info)]
    if not chosen:
        return failed(_none_found(parts, kind, everything=everything or check))
    if as_json:
        for info in chosen:
            facts = {name: value for name, value in asdict(info).items() if value not in (None, ())}
            print(json.dumps({**facts, **({"callable": verdicts[info.id]} if verdicts else {})}))  # noqa: T201  data
        return 0
    _show_table(screen(), chosen, verdicts)
    return 0


def _none_found(parts: list[str], kind: str | None, *, everything: bool) -> str:
    of_kind = f" of the kind {kind!r}" if kind else ""
    named = f" whose id holds {' and '.join(map(repr, parts))}" if parts else ""
    kinds = sorted({info.kind for info in known_models().values() if info.kind})
    if kind and kind not in kinds:
        advice = f"; kinds are {', '.join(kinds)}"
    elif close := closest_models("-".join(parts)):
        advice = f"; closest: {', '.join(map(one_line, close))}"
    else:
        advice = "" if everything else "; --all shows also those that the API did not list"
    return f"there is no model{of_kind}{named}{advice}"


# --- the table ---


def _columns(infos: list[ModelInfo], verdicts: Verdicts | None) -> list[Column]:
    dates = [(info.date_of("input_price") or "") if info.input_price is not None else "" for info in infos]
    columns = [
        Column("Model", [one_line(info.id) for info in infos], 0),
        Column("Window", [_count(info.context_window) for info in infos], 2, is_number=True),
        Column("In", [_price(info.input_price) for info in infos], 3, is_number=True),
        Column("Out", [_price(info.output_price) for info in infos], 3, is_number=True),
        Column("As of", dates, 5),
        Column("Can", [one_line(_abilities(info)) for info in infos], 4, least=12),
    ]
    if verdicts is not None:
        columns.append(Column("This key", [one_line(verdicts[info.id]) for info in infos], 1, least=16))
    return columns


def _show_table(console: Console, infos: list[ModelInfo], verdicts: Verdicts | None) -> None:
    left_out = show_columns(console, _columns(infos, verdicts))
    text = f"{len(infos)} {'model' if len(infos) == 1 else 'models'}"
    if verdicts:
        text += f", {sum(verdict == YES for verdict in verdicts.values())} of which this key may call"
    dated = "the date beside them" if "As of" not in left_out else _dates(infos)
    say(errors(), f"\n{text}. Prices: US dollars per million tokens, as of {dated}.", "dim")
    if left_out:
        say(errors(), f"Left out, as the terminal is narrow: {', '.join(left_out)}. --json has everything.", "dim")


def _dates(infos: list[ModelInfo]) -> str:
    dates = sorted({date for info in infos if info.input_price is not None and (date := info.date_of("input_price"))})
    return " to ".join(dict.fromkeys([dates[0], dates[-1]])) if dates else "no date"


def _count(count: int | None) -> str:
    return "" if count is None else f"{count:,}"


def _price(price: float | None) -> str:
    return "" if price is None else f"{price:g}"


def _abilities(info: ModelInfo) -> str:
    if info.kind != "chat":
        return info.kind or ""
    images = info.vision and info.images_on_chat is not False
    named = {
        "tools": info.tools and "tools" not in info.failing,
        "images": images,
        "json": info.structured_output,
        "thinks": info.reasoning,
        "cache": info.prompt_caching,
    }
    here = [] if not info.endpoints or CHAT_PATH in info.endpoints else [f"only {' '.join(info.endpoints)}"]
    return " ".join([*here, *(name for name, has in named.items() if has)])


# --- asking ---

YES = "yes"
ELSEWHERE = "not asked: neither chat nor embeddings"


async def _checked(is_wanted: Callable[[ModelInfo], bool], base_url: str | None) -> tuple[list[ModelInfo], Verdicts]:
    """Return the models that the API lists, each with whether the key may call it."""
    async with AsyncClient(base_url=base_url, max_retries=1) as client:
        listed = [info for info in map(model_info, [model.id for model in await client.models()]) if is_wanted(info)]
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, console=errors(), transient=True) as progress:
            task = progress.add_task("Asking", total=len(listed))
            slots = asyncio.Semaphore(AT_ONCE)

            async def ask(info: ModelInfo) -> tuple[str, str]:
                async with slots:
                    verdict = await _verdict(client, info)
                progress.advance(task)
                return info.id, verdict

            return listed, dict(await asyncio.gather(*map(ask, listed)))


async def _verdict(client: AsyncClient, info: ModelInfo) -> str:
    try:
        if EMBEDDINGS_PATH in info.endpoints:
            await client.embed(model=info.id, input="x")
        elif not info.endpoints or CHAT_PATH in info.endpoints:
            asked: list[Any] = [{"role": "user", "content": "Say ok."}]
            await client.chat(model=info.id, messages=asked, max_completion_tokens=PROBE_TOKENS)
        else:
            return ELSEWHERE
    except AuthenticationError:
        raise  # the key is none at all: asking on is no use
    except APIStatusError as error:
        return f"no: {error.status} {REASONS.get(error.status, '')}".rstrip()
    except InferenceError as error:
        return f"unknown: {type(error).__name__}"
    return YES


REASONS = {
    403: "not for this key, tier or balance",
    404: "no such model",
    429: "too many requests: ask again later",
    500: "the model failed",
    503: "overloaded",
}
