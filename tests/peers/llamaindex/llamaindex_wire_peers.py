"""The LLMs that are compared on `/responses` and `/messages`, each set up as its documents say."""

from __future__ import annotations

from wire_peers import BUDGET, CLAUDE, ENCRYPTED, GPT, HOSTED, OTHER_CLAUDE, SUMMARY, WirePeer

WIRE_PEERS = [
    WirePeer(
        package="inference-do",
        module="llamaindex_do",
        name="DigitalOcean",
        url="base_url",
        home={GPT: {}, CLAUDE: {"api": "messages"}},
        next=CLAUDE,
        thinking={
            GPT: {"reasoning_effort": "low"},
            CLAUDE: {"additional_kwargs": {"thinking": BUDGET}, "max_tokens": 4000},
            HOSTED: {"api": "responses"},
        },
    ),
    WirePeer(
        package="llama-index-llms-openai",
        module="llama_index.llms.openai",
        name="OpenAIResponses",
        url="api_base",
        settings={"context_window": 128_000, "temperature": 1.0},
        home={GPT: {}},
        next=HOSTED,
        thinking={
            GPT: {
                "reasoning_options": SUMMARY,
                "include": ENCRYPTED,
            }
        },
    ),
    WirePeer(
        package="llama-index-llms-anthropic",
        module="llama_index.llms.anthropic",
        name="Anthropic",
        url="base_url",
        is_root=True,
        settings={"temperature": 1.0},
        home={CLAUDE: {}},
        next=OTHER_CLAUDE,
        thinking={CLAUDE: {"thinking_dict": BUDGET, "max_tokens": 4000}},
    ),
]
