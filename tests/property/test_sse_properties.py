"""The parser of event streams against a literal reading of the standard, for every way of cutting the bytes.

Small worlds are tried whole: every sequence of a few tokens, every cutting of a few bytes. Beyond them chance chooses.
`PROPERTY_SCALE` multiplies what is tried by chance and, from 10 on, makes the small world one token larger.
"""

from __future__ import annotations

import sys
import time
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from property_kit import SCALE, cut_at, every_cutting, examples, pieces, spelled

from inference_do._protocol import sse
from inference_do._protocol.sse import EventTooLarge, Parser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

BOM = b"\xef\xbb\xbf"


def parsed(parts: Iterable[bytes], limit: int = 1 << 20) -> list[tuple[str, bytes]]:
    parser = Parser(limit=limit)
    return [tuple(event) for part in parts for event in parser.feed(part)]


# --- the inputs of the web platform's own tests, and of others ---

LONG_LINE = b"x" * 2048
WEB = {
    "bom": BOM + b"data:1\n\ndata:2\n\ndata:3\n\n",
    "bom twice": BOM + BOM + b"data:1\n\ndata:2\n\ndata:3\n\n",
    "bom in the middle": b"data:1\n\n" + BOM + b"data:2\n\ndata:3\n\n",
    "comments": b"data:1\r:\0\n:\r\ndata:2\n:" + LONG_LINE + b"\rdata:3\n:data:fail\r:" + LONG_LINE + b"\ndata:4\n\n",
    "data before the final empty line": b"retry:1000\ndata:test1\n\nid:test\ndata:test2",
    "field data": b"data:\n\ndata\ndata\n\ndata:test\n\n",
    "field event": b"event:test\ndata:x\n\ndata:x\n\n",
    "field event empty": b"event: \ndata:data\n\n",
    "field id": b"id: \xe2\x80\xa6\nretry:200\ndata:hello\n\n",
    "field id and null": b"id:\0\ndata:a\n\nid\ndata:b\n\n",
    "field parsing": b"data:\0\ndata:  2\rData:1\ndata\0:2\ndata:1\r\0data:4\n"
    b"da-ta:3\rdata_5\ndata:3\rdata:\r\n data:32\ndata:4\n\n",
    "field retry": b"retry:3000\ndata:x\n\nretry:3000 \ndata:y\n\nretry\ndata:z\n\n",
    "field unknown": b"data:test\n data\ndata\nfoobar:xxx\njustsometext\n:thisisacommentyay\ndata:test\n\n",
    "leading space": b"data:\ttest\rdata: \ndata:test\n\n",
    "newlines": b"data:test\r\ndata\ndata:test\r\n\r\n",
    "null character": b"data:\0\n\n\n\n",
    "utf-8": "data:ok…\n\n".encode(),
    "four bytes of utf-8": "data: 🎈\n\nevent: 🎈\ndata: é\n\n".encode(),
    "invalid utf-8": b"data: \xff\n\ndata: \xc3\n\n",
    "event only": b"event: a\n\nevent: b\n\ndata: x\n\n",
    "id only": b"id: 1\n\ndata: x\n\n",
    "retry only": b"retry: 1\n\ndata: x\n\n",
    "empty blocks": b"\n\n\r\n\r\n\r\r\n\ndata: x\n\n",
    "heartbeats": b":\n\n: ping\n\n:ping\r\r\ndata: x\n\n:\n\n",
    "a name that goes on": b"event: a\ndata: x\n\ndata: y\n\n",
    "braces and colons": b'data: {"a": "b: c"}\ndata:: \n\n',
}  # fmt: skip


@pytest.mark.parametrize("text", WEB.values(), ids=WEB)
def test_inputs_of_other_suites_whole_and_in_small_pieces(text):
    expected = spelled(text)
    for size in (len(text), 1, 2, 3, 7):
        assert parsed(pieces(text, size)) == expected


@pytest.mark.parametrize(
    ("name", "events"),
    [
        ("bom twice", [("message", b"2"), ("message", b"3")]),
        ("comments", [("message", b"1\n2\n3\n4")]),
        ("data before the final empty line", [("message", b"test1")]),
        ("field data", [("message", b""), ("message", b"\n"), ("message", b"test")]),
        ("field parsing", [("message", b"\0\n 2\n1\n3\n\n4")]),
        ("field unknown", [("message", b"test\n\ntest")]),
        ("leading space", [("message", b"\ttest\n\ntest")]),
        ("newlines", [("message", b"test\n\ntest")]),
        ("braces and colons", [("message", b'{"a": "b: c"}\n: ')]),
    ],
)
def test_the_literal_reading_is_the_published_one(name, events):
    assert spelled(WEB[name]) == events


# --- small worlds, whole ---

TOKENS = (b"data:x", b"data", b"data: ", b"event:e", b"event", b":", b"\n", b"\r", b"\r\n", BOM, BOM[:2], b" ")


def test_every_short_sequence_of_tokens():
    tried = 0
    for length in range(1, 5 if SCALE >= 10 else 4):
        for tokens in product(TOKENS, repeat=length):
            for tail in (b"", b"\n\n", b"\ndata:y\n\n"):
                text = b"".join(tokens) + tail
                expected = spelled(text)
                assert parsed([text]) == expected, text
                assert parsed(pieces(text, 1)) == expected, text
                assert parsed([*tokens, tail]) == expected, text
                tried += 1
    print(f"{tried:,} streams of up to {length} tokens")


@pytest.mark.parametrize(
    "text",
    [
        b"data:a\r\n\r\nd",
        b"\r\ndata\r\r\n\n",
        BOM + b"data\r\r\n",
        BOM[:2] + b"data\n\n",
        b"event:\xe9\rda",
        b":\rdata\n:\n\n\r",
    ],
)
def test_every_cutting_of_a_few_bytes(text):
    for ending in (b"", b"\n\n"):
        expected = spelled(text + ending)
        for parts in every_cutting(text):
            assert parsed([*parts, ending]) == expected, parts


# --- chance ---

WORDS = st.sampled_from([*TOKENS, b"data: y", b"id: 1\n", b"retry:", b"[DONE]", b"\n\n", b"\0", b"\x85"])
STREAM = st.lists(WORDS | st.binary(max_size=4), max_size=60).map(b"".join)
CUTS = st.lists(st.integers(0, 400), max_size=40)


@given(STREAM, CUTS)
@examples(60)
def test_after_every_piece_exactly_the_events_are_out_that_have_ended(text, cuts):
    """Nothing is held back, nothing comes early, and no cutting changes anything."""
    parser, fed, seen = Parser(), b"", []
    for part in cut_at(text, cuts):
        fed += part
        seen += [tuple(event) for event in parser.feed(part)]
        assert seen == (spelled(fed) if not BOM.startswith(fed) else [])


@given(STREAM, CUTS, st.sampled_from([b"data: [DONE]", b"data:[DONE]", b"data: [DONE]\n", b"data: [DONE]\r\n", b""]))
@examples(60)
def test_an_end_without_its_blank_line_counts_only_if_done_is_all_there_is(text, cuts, end):
    """Told as done is only what a blank line would have made a `[DONE]` of its own; nothing is passed over."""
    whole = text + end
    parser = Parser()
    before = [tuple(event) for part in cut_at(whole, cuts) for event in parser.feed(part)]
    reported = [data for _, data in parser.finish()]
    completed = [data for _, data in spelled(whole + b"\n\n")[len(before) :]]
    assert before == spelled(whole)
    assert reported in ([], completed)
    assert reported in ([], [b"[DONE]"])


@pytest.mark.parametrize("first", [b"data: a\n", b"data: a\r\n", b"data\n"])
@pytest.mark.parametrize("size", [1, 3, 999])
def test_done_does_not_swallow_the_data_before_it(first, size):
    parser = Parser()
    for part in pieces(first + b"data: [DONE]", size):
        parser.feed(part)
    assert parser.finish() == []


# --- bounds ---

LIMIT = 64


def weight(block: bytes) -> int:
    """Count the bytes of the lines of a block, line ends aside."""
    return sum(len(line) for line in block.splitlines())


LINE = st.builds(
    lambda name, size: name + b"x" * size,
    st.sampled_from([b"data:", b"data: ", b"data", b"event: ", b": ", b"id:", b"y"]),
    st.integers(0, LIMIT),
)
BLOCK = st.lists(LINE, min_size=1, max_size=8).map(lambda lines: b"\n".join(lines) + b"\n\n")


@given(st.lists(BLOCK, max_size=6), CUTS)
@examples(40)
def test_what_fits_the_limit_passes_however_it_is_cut(blocks, cuts):
    text = b"".join(block for block in blocks if weight(block) <= LIMIT)
    assert parsed(cut_at(text, cuts), LIMIT) == spelled(text)


@given(st.lists(BLOCK, max_size=3), st.integers(1, 200), st.integers(1, 9), CUTS)
@examples(40)
def test_data_beyond_the_limit_is_refused_however_it_is_cut(blocks, beyond, lines, cuts):
    before = b"".join(block for block in blocks if weight(block) <= LIMIT)
    large = b"".join(b"data:" + b"x" * ((LIMIT + beyond) // lines + 1) + b"\n" for _ in range(lines)) + b"\n"
    with pytest.raises(EventTooLarge):
        parsed(cut_at(before + large, cuts), LIMIT)


def held(parser: Parser) -> int:
    """Count what a parser keeps: bytes, and a place for each piece of them."""
    kept = [*parser._pending, *parser._data]
    return sum(map(len, kept)) + len(kept)


ENDLESS = {
    "a line that never ends": b"x",
    "a comment that never ends": b": ",
    "lines of data": b"data: x\n",
    "empty lines of data": b"data:\n",
    "lines that say data": b"data\n",
    "names": b"event: " + b"n" * 50 + b"\n",
    "comments": b": ping\n",
    "unknown fields": b"foo: bar\n",
    "carriage returns": b"\r",
}


@pytest.mark.parametrize("unit", ENDLESS.values(), ids=ENDLESS)
@pytest.mark.parametrize("size", [1, 100])
def test_no_stream_makes_the_parser_keep_more_than_the_limit(unit, size):
    """Whatever comes for ever is refused, or passed over and forgotten."""
    parser = Parser(limit=LIMIT)
    try:
        for part in pieces(unit * (8000 // len(unit)), size):
            parser.feed(part)
            assert held(parser) <= 4 * LIMIT + size
    except EventTooLarge:
        assert held(parser) <= 4 * LIMIT + size


# --- linear ---


def steps_of(feed: Callable[[], Any]) -> int:
    """Count the lines of Python that the parser executes."""
    count = 0

    def trace(frame: Any, event: str, _: Any) -> Any:
        nonlocal count
        count += event == "line" and frame.f_code.co_filename == sse.__file__
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        feed()
    finally:
        sys.settrace(before)
    return count


def cpu_of(feed: Callable[[], Any]) -> float:
    best = 9.0
    for _ in range(3):
        started = time.process_time()
        feed()
        best = min(best, time.process_time() - started)
    return best


LONG: dict[str, Callable[[int], list[bytes]]] = {
    "small events at once": lambda n: [b"data: x\n\n" * n],
    "small events one by one": lambda n: [b"data: x\n\n"] * n,
    "one event of many lines": lambda n: [b"data: x\n" * n, b"\n"],
    "one event of many lines one by one": lambda n: [*[b"data: x\n"] * n, b"\n"],
    "one line in small pieces": lambda n: [b"data: ", *[b"xyz"] * n, b"\n\n"],
    "one line in large pieces": lambda n: [b"data: ", *[b"x" * 1000] * n, b"\n\n"],
    "carriage returns in pieces": lambda n: [b"data: x\r", b"\n", b"\r\n"] * n,
    "comments one by one": lambda n: [b": ping\n\n"] * n,
}


@pytest.mark.parametrize("make", LONG.values(), ids=LONG)
def test_steps_grow_as_the_stream_does(make):
    counts = [steps_of(lambda n=n: parsed(make(n))) for n in (100, 200, 400)]
    assert counts[0] > 0
    assert counts[2] - counts[1] <= 2.05 * (counts[1] - counts[0]) + 10


@pytest.mark.parametrize("make", LONG.values(), ids=LONG)
def test_time_grows_as_the_stream_does(make):
    """Bytes that are copied again for each piece are no steps of Python, but they take time."""
    small, large = make(200), make(3200)
    limit = 1 << 30
    assert cpu_of(lambda: parsed(large, limit)) < 4 * 16 * cpu_of(lambda: parsed(small, limit)) + 0.02
