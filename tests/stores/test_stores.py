"""Each example on stores, twice: the second process finds the vectors, and embeds the question alone."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from inference_do.emulator import Emulator

ROOT = Path(__file__).parents[2]
SOURCES = "Source:   repairs.md: Warranty (score"
ANSWER = "Answer:   The warranty on a repair is twelve months."


def needs(*modules):
    missing = [name for name in modules if not is_installed(name)]
    return pytest.mark.skipif(bool(missing), reason=f"no {', '.join(missing)}: scripts/store-examples has it")


def is_installed(module):
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


@pytest.mark.parametrize(
    "example",
    [
        pytest.param("chroma_langchain", marks=needs("langchain_chroma")),
        pytest.param("chroma_llamaindex", marks=needs("llama_index.vector_stores.chroma")),
        pytest.param("pgvector_langchain", marks=needs("langchain_postgres")),
        pytest.param("pgvector_llamaindex", marks=needs("llama_index.vector_stores.postgres")),
    ],
)
def test_a_second_process_embeds_the_question_alone(example, request, tmp_path):
    where = str(tmp_path) if example.startswith("chroma") else request.getfixturevalue("postgres")
    with Emulator() as emu:
        first, embedded_first = run(example, where, emu)
        second, embedded_second = run(example, where, emu)
    assert "Passages: 0 were stored, 24 are new" in first
    assert "Passages: 24 were stored, 0 are new" in second
    for output in (first, second):
        assert SOURCES in output
        assert ANSWER in output
    assert embedded_first == 24 + 1
    assert embedded_second == 1


def run(example, where, emu):
    """Return an example's output, and how many texts it had embedded."""
    before = len(emu.requests)
    own = {"DIGITALOCEAN_INFERENCE_KEY": emu.api_key, "DIGITALOCEAN_INFERENCE_BASE_URL": emu.base_url}
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "stores" / f"{example}.py"), where],
        env={**os.environ, **own, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    print(f"\n$ python examples/stores/{example}.py ...\n{done.stdout}")
    requests = [request for request in emu.requests[before:] if request.path.endswith("/embeddings")]
    inputs = [request.json["input"] for request in requests]
    return done.stdout, sum(1 if isinstance(texts, str) else len(texts) for texts in inputs)
