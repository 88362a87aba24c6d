"""Layers of parameters: what one call gives wins."""

from __future__ import annotations

import pytest

from inference_do._adapters.merging import AFFINITY_HEADER, merge_layers


@pytest.mark.parametrize(
    ("headers", "sent"),
    [({}, "setting"), ({AFFINITY_HEADER: "header"}, "header")],
    ids=["the setting alone", "both"],
)
def test_a_header_that_is_given_wins_over_the_setting(headers, sent):
    layer = {"model_affinity": "setting", "extra_headers": headers}
    merged = merge_layers([layer], aliases={}, is_internal=lambda _: False)
    assert merged == {"extra_headers": {AFFINITY_HEADER: sent}}
