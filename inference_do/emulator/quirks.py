r"""The habits of this API and of its neighbours, as switches: all off, except those that are the live API's own.

```python
Emulator(quirks=Quirks(line_end="\r\n", tool_index="missing"))
```
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Quirks"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """Switches; the defaults are what the live API was seen to do."""

    empty_id: bool = True
    """Live: `id` of completions and chunks is the empty string."""
    empty_tool_type: bool = True
    """Live: continuation fragments of a tool call have `type: ""`, and their delta repeats role and `content: null`."""
    empty_role: bool = False
    """Messages have `role: ""`."""
    role_on_every_delta: bool = False
    no_chunk_id: bool = False
    """Chunks have no `id`."""
    no_chunk_model: bool = False
    """Chunks have no `model`."""

    usage_on_finish_chunk: bool = False
    """Usage rides on the finish chunk; there is no chunk of its own."""
    usage_null: bool = False
    """The other chunks have `usage: null`."""
    usage_on_every_chunk: bool = False
    """Every chunk carries the running total."""
    usage_three_fields: bool = False
    """Only prompt_tokens, completion_tokens and total_tokens, as in 2025."""
    usage_excludes_cached: bool | None = None
    """Anthropic accounting: cached and created tokens are beside `prompt_tokens`, not in it. None: by family."""
    cached_tokens: int = 0
    """How many prompt tokens are reported as read from the cache, whatever has been asked before."""
    created_tokens: int = 0
    """How many prompt tokens are reported as written to the cache, likewise."""
    ignore_include_usage: bool = False
    """No usage in streams, even when asked for."""
    usage_choices_null: bool = False
    """The usage chunk has `choices: null` instead of `[]`."""

    tokens_per_event: int = 2
    """Tokens of text in one event; a large number batches."""
    comments: bool = False
    """A keep-alive comment before every event."""
    line_end: Literal["\n", "\r\n", "\r"] = "\n"
    no_space: bool = False
    """`data:{…}` without the space."""
    bom: bool = False
    """The stream starts with a byte order mark."""
    no_done: bool = False
    """No `[DONE]`."""
    extra_done: bool = False
    """`[DONE]` at the end of the wires that have none, as gateways send it."""
    no_event_names: bool = False
    """No `event:` lines on the wires that have them, likewise."""
    no_finish_reason: bool = False
    """No chunk with a finish reason; on responses and messages the last event, which says how it ended, is missing."""

    tool_index: Literal["normal", "missing", "null", "zero"] = "normal"
    tool_ids: Literal["first", "missing", "empty", "every"] = "first"
    """On which fragments a call's id is."""
    tool_name_on_every_fragment: bool = False
    arguments_in_one_fragment: bool = False
    interleave_calls: bool = False
    """Fragments of parallel calls alternate."""
    two_fragments_per_chunk: bool = False
    """Two fragments share one chunk's `tool_calls`."""
    reasoning_field: Literal["reasoning_content", "reasoning"] = "reasoning_content"

    obfuscation: bool = True
    """Live: deltas of OpenAI's models on responses are padded, unless the request turns it off."""
    redacted_thinking: bool = False
    """Anthropic's models send the block of a thought that only Anthropic can read, before their thinking."""
    ping_every: int = 0
    """A `ping` after so many deltas on messages, besides the one that each stream begins with."""

    gzip: bool = False
    """`content-encoding: gzip`, flushed after each piece."""
    stream_content_type: str = "text/event-stream"
    json_content_type: str = "application/json"
    shuffle_embeddings: bool = False
    """`data` of embeddings comes in another order than `input`; `index` says which is which."""
    head_delay: float = 0.0
    """Seconds before the response's first byte."""
    event_delay: float = 0.0
    """Seconds before each piece of the body."""

    refuse_both_max_tokens: bool = False
    """400 when both `max_tokens` and `max_completion_tokens` are given, as OpenAI does."""
    refuse_max_tokens: bool = False
    """400 on `max_tokens`, as OpenAI's reasoning models do."""
    claude_images: bool = False
    """Anthropic models take images on chat; the live API refuses them there."""
