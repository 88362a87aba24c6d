"""Opt-in: the conformance kit over other packages for LlamaIndex, where `scripts/peers-llamaindex` installed them."""

from __future__ import annotations

from importlib.util import find_spec

PEERS = ("llama_index.llms", "openai", "gradient")

collect_ignore_glob = [] if all(map(find_spec, PEERS)) else ["test_*.py"]
