"""What of the user's has no place in a request is a warning in the log, which shows nothing of the content."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.base.llms.types import (
    CacheControl,
    CachePoint,
    ChatMessage,
    ImageBlock,
    TextBlock,
    VideoBlock,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from llamaindex_do import DigitalOcean

SAID = "a-sentence-that-no-log-shows"
POINT = CachePoint(cache_control=CacheControl(type="ephemeral"))
PICTURE = ImageBlock(url=f"https://x.test/{SAID}.png")
VIDEO = VideoBlock(url="https://x.test/a.mp4", fps=2)


@pytest.mark.parametrize(
    ("message", "given", "expected"),
    [
        (ChatMessage(blocks=[TextBlock(text=SAID), POINT]), {}, "a CachePoint is left out"),
        (ChatMessage(blocks=[TextBlock(text=SAID), VIDEO]), {}, "fps and detail are not known to the API"),
        (ChatMessage(role="assistant", blocks=[TextBlock(text=SAID), PICTURE]), {}, "it is left out"),
        (ChatMessage(content=SAID), {"cache_control": {"type": "ephemeral"}}, "cache_control is left out: model"),
    ],
)
def test_what_was_left_out_is_a_warning(
    make: Callable[..., DigitalOcean],
    caplog: pytest.LogCaptureFixture,
    message: ChatMessage,
    given: dict[str, Any],
    expected: str,
) -> None:
    make("gemma-4-31B-it").chat([message, ChatMessage(content="And?")], **given)
    (record,) = [record for record in caplog.records if record.name == "inference_do"]
    assert record.levelno == logging.WARNING
    assert expected in record.getMessage()
    assert SAID not in record.getMessage()
