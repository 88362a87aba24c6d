"""Makes `inference_do/_models.json` and `docs/models.md` from the recorded facts in `tools/models/`.

    python tools/refresh_models.py            write both
    python tools/refresh_models.py --check    write nothing; exit with 1 if either is not up to date
    python tools/refresh_models.py --live     record anew first, with the key of the environment

The page begins with `introduction.md`; the facts are in three files:

1. `documented.json`: what DigitalOcean's pages and public catalogues say of each model, with the date of each record.
2. `listing.json`: `GET /v1/models`, as it was on its date.
3. `observed.json`: how models were seen to behave, and what holds for whole families of ids.

Later ones win, fact by fact. `--live` replaces the listing, and lays the control plane's catalogue over the documented
facts where `DIGITALOCEAN_TOKEN` holds a personal access token.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from inference_do import Client, ModelInfo
from inference_do.catalogue import CONTROL_PLANE, as_text, fetch, from_listing, merged
from inference_do.models import entry_of

ROOT = Path(__file__).parent.parent
RECORDS = ROOT / "tools" / "models"
DATA = ROOT / "inference_do" / "_models.json"
TABLE = ROOT / "docs" / "models.md"

Json = dict[str, Any]


def made(records: Path = RECORDS) -> tuple[str, str]:
    """Return the texts of the data and of the table."""
    documented, listing, observed = (
        json.loads((records / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("documented", "listing", "observed")
    )
    listed = from_listing(listing["data"], date=listing["date"])
    models = merged(documented, listed, observed["models"])
    infos = [entry_of(id_, facts, observed["families"]) for id_, facts in sorted(models.items())]
    introduction = (records / "introduction.md").read_text(encoding="utf-8")
    return as_text(models, observed["families"]), page(introduction, infos)


# --- the page ---

KINDS = (
    ("chat", "Chat models", True),
    ("router", "Routers", False),
    ("embedding", "Embedding models", False),
    (None, "Other models", False),
)
APIS = {"/v1/chat/completions": "chat", "/v1/messages": "messages", "/v1/responses": "responses"}


def page(introduction: str, infos: list[ModelInfo]) -> str:
    """Write all models as tables, one for each kind, and what is peculiar to some of them as a list."""
    named = {kind for kind, _, _ in KINDS if kind}
    parts = [introduction]
    for kind, title, is_chat in KINDS:
        chosen = [info for info in infos if (info.kind == kind if kind else info.kind not in named)]
        parts.append(f"## {title}\n\n{len(chosen)} models.\n\n{(_chat_table if is_chat else _other_table)(chosen)}")
    peculiar = [line for info in infos for line in _peculiarities(info)]
    parts.append("## What to know of single models\n\n" + "\n".join(peculiar) + "\n")
    return "\n".join(parts)


def _rows(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _chat_table(infos: list[ModelInfo]) -> str:
    head = ["Model", "Context", "Output", "In", "Out", "Cached", "Tools", "Images", "JSON schema", "Thinks", "Efforts"]
    head += ["Cache", "API", "Provider", "Status", "Prices of", "Listed"]
    return _rows(
        head,
        [
            [
                f"`{info.id}`",
                _count(info.context_window),
                _count(info.max_output_tokens),
                *prices,
                _flag(info.tools),
                _images(info),
                _flag(info.structured_output),
                _flag(info.reasoning) + ("!" if info.thinks_unasked else ""),
                " ".join(info.reasoning_efforts),
                _caching(info),
                " ".join(name for path, name in APIS.items() if path in info.endpoints),
                info.provider or "",
                info.status or "",
                dated,
                (info.date_of("listed") or "") if info.listed else "",
            ]
            for info, (*prices, dated) in zip(infos, map(_prices, infos), strict=True)
        ],
    )


def _other_table(infos: list[ModelInfo]) -> str:
    head = ["Model", "Provider", "Kind", "Context", "Dimensions", "Endpoints", "In", "Out", "Cached", "Prices of"]
    return _rows(
        head,
        [
            [
                f"`{info.id}`",
                info.provider or "",
                info.kind or "",
                _count(info.context_window),
                _count(info.dimensions),
                " ".join(f"`{path}`" for path in info.endpoints),
                *_prices(info),
            ]
            for info in infos
        ],
    )


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _flag(value: bool | None) -> str:
    return {True: "yes", False: "no", None: ""}[value]


def _images(info: ModelInfo) -> str:
    return "yes, on messages" if info.images_on_chat is False else _flag(info.vision)


def _caching(info: ModelInfo) -> str:
    if info.cache_control:
        return "mark"
    if not info.prompt_caching:
        return ""
    return "auto, keep" if info.cache_retention else "auto"


def _prices(info: ModelInfo) -> list[str]:
    prices = (info.input_price, info.output_price, info.cache_read_price)
    cells = ["" if price is None else f"{price:g}" for price in prices]
    return [*cells, (info.date_of("input_price") or "") if info.input_price is not None else ""]


def _peculiarities(info: ModelInfo) -> list[str]:
    when = info.date_of("failing")
    notes: list[str] = []
    if info.kind == "chat" and info.endpoints and "/v1/chat/completions" not in info.endpoints:
        notes.append(f"answers on {', '.join(info.endpoints)}, not on chat completions")
    if info.temperature is False:
        notes.append("takes no `temperature`")
    if info.refused_parameters:
        notes.append(f"refuses {', '.join(f'`{name}`' for name in info.refused_parameters)} ({when})")
    notes += [f"refuses `{name}={value}` ({when})" for name, value in info.refused_values]
    notes += [f"answers 500 to requests with `{name}` ({when})" for name in info.failing]
    if info.refused_prompt:
        notes.append(f"refuses prompts from about {info.refused_prompt:,} tokens ({when})")
    if info.accepted_prompt:
        notes.append(f"took a prompt of {info.accepted_prompt:,} tokens ({when})")
    notes += [
        f"above {t.above:,} input tokens costs {t.input_price:g} in, {t.output_price:g} out" for t in info.price_tiers
    ]
    return [f"* `{info.id}`: {'; '.join(notes)}."] if notes else []


# --- by hand ---


def record(records: Path = RECORDS) -> None:
    """Replace the recorded listing, and lay the catalogue over the documented facts, by asking the API."""
    token = os.environ.get("DIGITALOCEAN_TOKEN")
    plane = Client(token, base_url=CONTROL_PLANE) if token else None
    found = fetch(Client(), plane)
    listing_facts = {"listed", "owned_by", "created", "catalog_max_output_tokens"}
    date = next(iter(found.values()))["dates"]["listing"]
    entries = [
        {
            "id": id_,
            "object": "model",
            "created": facts.get("created", 0),
            "owned_by": facts.get("owned_by", ""),
            **(
                {"max_output_tokens": facts["catalog_max_output_tokens"]}
                if "catalog_max_output_tokens" in facts
                else {}
            ),
        }
        for id_, facts in sorted(found.items())
    ]
    lines = ",\n".join(f"    {json.dumps(entry)}" for entry in entries)
    text = f'{{\n  "date": "{date}",\n  "object": "list",\n  "data": [\n{lines}\n  ]\n}}\n'
    (records / "listing.json").write_text(text, encoding="utf-8")
    documented = json.loads((records / "documented.json").read_text(encoding="utf-8"))
    catalogued = {
        id_: {
            **{name: value for name, value in facts.items() if name not in listing_facts},
            "dates": {group: day for group, day in facts["dates"].items() if group != "listing"},
        }
        for id_, facts in found.items()
    }
    models = merged(documented, catalogued)
    lines = ",\n".join(f"  {json.dumps(id_)}: {json.dumps(facts)}" for id_, facts in sorted(models.items()))
    (records / "documented.json").write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Write, or check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; return whether all is up to date")
    parser.add_argument("--live", action="store_true", help="ask the API first")
    options = parser.parse_args(arguments)
    if options.live:
        record()
    stale = []
    for path, text in zip((DATA, TABLE), made(), strict=True):
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(path.relative_to(ROOT))
            if not options.check:
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, encoding="utf-8")
    print(*(f"{path} {'is out of date' if options.check else 'written'}" for path in stale), sep="\n")
    return int(bool(stale) and options.check)


if __name__ == "__main__":
    sys.exit(main())
