"""What users of other packages write, what they write here, and a run of it: the tables of `docs/migration.md`.

`test_migration.py` runs each row and compares the page with these rows.
`PYTHONPATH=.:tests/migration python tests/migration/spellings.py` writes the tables into the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from from_clients import DOGRADIENT, GRADIENT, LLM_DIGITALOCEAN, PYDO
from from_langchain import CHAT_GRADIENT, CHAT_OPENAI, LANGCHAIN_DIGITALOCEAN, OPENAI_EMBEDDINGS
from from_llamaindex import GRADIENT_AI, LLAMAINDEX_EMBEDDINGS, OPENAI_LIKE, RETRIEVERS
from migration_rows import Row, marks, table

from tools.fill_in import put

__all__ = ["PAGE", "SECTIONS"]

PAGE = Path(__file__).parents[2] / "docs" / "migration.md"

SECTIONS: Mapping[str, tuple[Row, ...]] = {
    "ChatOpenAI": CHAT_OPENAI,
    "OpenAIEmbeddings": OPENAI_EMBEDDINGS,
    "ChatGradient": CHAT_GRADIENT,
    "langchain-digitalocean": LANGCHAIN_DIGITALOCEAN,
    "OpenAILike": OPENAI_LIKE,
    "GradientAI": GRADIENT_AI,
    "llama-index-digitalocean-embeddings": LLAMAINDEX_EMBEDDINGS,
    "GradientKBRetriever": RETRIEVERS,
    "gradient": GRADIENT,
    "pydo": PYDO,
    "dogradient": DOGRADIENT,
    "llm-digitalocean": LLM_DIGITALOCEAN,
}
"""The tables of the page, in its order."""


if __name__ == "__main__":
    for _section, _rows in SECTIONS.items():
        put(PAGE, *marks(_section), table(_rows))
