"""The chat models that are compared on `/responses` and `/messages`, each set up as its documents say."""

from __future__ import annotations

from wire_peers import BUDGET, CLAUDE, ENCRYPTED, GPT, HOSTED, OTHER_CLAUDE, SUMMARY, WirePeer

WIRE_PEERS = [
    WirePeer(
        package="inference-do",
        module="langchain_do",
        name="ChatDigitalOcean",
        home={GPT: {}, CLAUDE: {"api": "messages"}},
        next=CLAUDE,
        thinking={
            GPT: {"reasoning_effort": "low"},
            CLAUDE: {"model_kwargs": {"thinking": BUDGET}, "max_tokens": 4000},
            HOSTED: {"api": "responses"},
        },
    ),
    WirePeer(
        package="langchain-openai",
        module="langchain_openai",
        name="ChatOpenAI",
        note="(`use_responses_api`)",
        settings={"use_responses_api": True},
        home={GPT: {}},
        next=HOSTED,
        thinking={GPT: {"reasoning": SUMMARY, "include": ENCRYPTED, "store": False}},
    ),
    WirePeer(
        package="langchain-anthropic",
        module="langchain_anthropic",
        name="ChatAnthropic",
        note="(`base_url`)",
        is_root=True,
        home={CLAUDE: {}},
        next=OTHER_CLAUDE,
        thinking={CLAUDE: {"thinking": BUDGET, "max_tokens": 4000}},
    ),
]
