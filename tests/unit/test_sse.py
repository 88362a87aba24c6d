"""The parser of event streams: WHATWG's examples with every cut, a reference splitter, bounds, linear time."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference_do._protocol.sse import MAX_EVENT_BYTES, MAX_NAME_BYTES, MAX_NAMES, Event, EventTooLarge, Parser


def parse(*pieces: bytes, limit: int = MAX_EVENT_BYTES) -> list[tuple[str, bytes]]:
    parser = Parser(limit=limit)
    return [tuple(event) for piece in pieces for event in parser.feed(piece)]


def datas(*pieces: bytes) -> list[bytes]:
    return [data for _, data in parse(*pieces)]


CASES: dict[str, tuple[bytes, list[tuple[str, bytes]]]] = {
    "one": (b"data: a\n\n", [("message", b"a")]),
    "two": (b"data: a\n\ndata: b\n\n", [("message", b"a"), ("message", b"b")]),
    "no space": (b"data:a\n\n", [("message", b"a")]),
    "one space of two": (b"data:  a\n\n", [("message", b" a")]),
    "trailing blanks": (b"data: a \t\n\n", [("message", b"a \t")]),
    "joined lines": (b"data: a\ndata: b\n\n", [("message", b"a\nb")]),
    "joined empty line": (b"data: a\ndata\ndata: b\n\n", [("message", b"a\n\nb")]),
    "empty data": (b"data:\n\n", [("message", b"")]),
    "bare data": (b"data\n\n", [("message", b"")]),
    "two bare data": (b"data\ndata\n\n", [("message", b"\n")]),
    "CRLF": (b"data: a\r\n\r\ndata: b\r\n\r\n", [("message", b"a"), ("message", b"b")]),
    "CR": (b"data: a\r\rdata: b\r\r", [("message", b"a"), ("message", b"b")]),
    "mixed ends": (b"data: a\rdata: b\r\ndata: c\n\r", [("message", b"a\nb\nc")]),
    "LF CR is two": (b"data: a\n\rdata: b\n\r", [("message", b"a"), ("message", b"b")]),
    "BOM": (b"\xef\xbb\xbfdata: a\n\n", [("message", b"a")]),
    "two BOMs": (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n", [("message", b"b")]),
    "BOM later": (b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [("message", b"a")]),
    "half a BOM": (b"\xef\xbbdata: a\n\ndata: b\n\n", [("message", b"b")]),
    "comments": (b": hi\n:\n:data: x\n\ndata: a\n: in it\ndata: b\n\n", [("message", b"a\nb")]),
    "named": (b"event: error\ndata: a\n\ndata: b\n\n", [("error", b"a"), ("message", b"b")]),
    "named after": (b"data: a\nevent: e\n\n", [("e", b"a")]),
    "last name": (b"event: a\nevent:b\ndata: x\n\n", [("b", b"x")]),
    "empty name": (b"event: a\nevent:\ndata: x\n\n", [("message", b"x")]),
    "bare name": (b"event: a\nevent\ndata: x\n\n", [("message", b"x")]),
    "name without data": (b"event: a\n\ndata: x\n\n", [("message", b"x")]),
    "id and retry": (b"id: 1\nretry: 5\n\nid: 2\ndata: x\nretry: 1\n\n", [("message", b"x")]),
    "unknown fields": (b"dat: a\ndata2: b\n data: c\nDATA: d\nfoo\n\ndata: x\n\n", [("message", b"x")]),
    "space before colon": (b"data : a\n\ndata: x\n\n", [("message", b"x")]),
    "colons": (b"data: a: b:c\n\n", [("message", b"a: b:c")]),
    "NUL": (b"data: \x00\n\n", [("message", b"\x00")]),
    "other ends are text": (
        "data: a\u2028b\u0085c\x0bd\x0ce\x1cf\n\n".encode(),
        [("message", "a\u2028b\u0085c\x0bd\x0ce\x1cf".encode())],
    ),
    "UTF-8": ("data: é🎈\n\n".encode(), [("message", "é🎈".encode())]),
    "not UTF-8": (b"data: \xff\xfe\n\n", [("message", b"\xff\xfe")]),
    "name not UTF-8": (b"event: \xff\ndata: x\n\n", [("\ufffd", b"x")]),
    "unfinished": (b"data: a\n\ndata: b\n", [("message", b"a")]),
    "unfinished line": (b"data: a\n\ndata: b", [("message", b"a")]),
    "blank lines": (b"\n\n\n\r\n\rdata: a\n\n\n\n", [("message", b"a")]),
    "nothing": (b"", []),
    "DONE": (b"data: [DONE]\n\n", [("message", b"[DONE]")]),
}


@pytest.mark.parametrize(("text", "events"), CASES.values(), ids=CASES)
def test_the_standard(text, events):
    assert parse(text) == events


@pytest.mark.parametrize(("text", "events"), CASES.values(), ids=CASES)
def test_wherever_it_is_cut(text, events):
    for size in (1, 2, 3, 7):
        assert parse(*(text[i : i + size] for i in range(0, len(text), size))) == events
    for a, b in combinations(range(len(text) + 1), 2):
        assert parse(text[:a], text[a:b], b"", text[b:]) == events


# --- against a reference ---


def reference(text: bytes) -> list[tuple[str, bytes]]:
    """The standard, read literally and all at once."""
    text = text.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    events, name, data = [], b"", []
    for line in text.split(b"\n")[:-1]:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not line:
            if data:
                events.append((name.decode("utf-8", "replace") or "message", b"\n".join(data)))
            name, data = b"", []
        elif field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
    return events


WORDS = [
    b"data",
    b"event",
    b"id",
    b": ",
    b":",
    b" ",
    b"\n",
    b"\n\n",
    b"\r",
    b"\r\n",
    b"x",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xa8",
]
STREAM = st.lists(st.sampled_from(WORDS) | st.binary(max_size=3), max_size=40).map(
    lambda pieces: b"".join(pieces).replace(b"{", b"x")  # bare JSON is a deviation, tried below
)


@given(STREAM, st.lists(st.integers(0, 200)))
@settings(max_examples=200, deadline=None)
def test_it_agrees_with_a_reference_however_the_bytes_arrive(text, cuts):
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    assert parse(*(text[a:b] for a, b in pairwise(places))) == reference(text)


@given(STREAM, STREAM)
@settings(max_examples=50, deadline=None)
def test_two_parsers_do_not_know_each_other(one, two):
    first, second = Parser(), Parser()
    seen: tuple[list[Event], list[Event]] = ([], [])
    for i in range(max(len(one), len(two))):
        seen[0].extend(first.feed(one[i : i + 1]))
        seen[1].extend(second.feed(two[i : i + 1]))
    assert (seen[0], seen[1]) == (reference(one), reference(two))


# --- the end ---


@pytest.mark.parametrize(
    "end", [b"data: [DONE]", b"data:[DONE]", b"data: [DONE]\n", b"data: [DONE]\r\n", b"data: [DONE]\r"]
)
@pytest.mark.parametrize("before", [b"", b"data: a\n\n", b": ping\n"])
def test_an_unterminated_done_at_the_end_counts(before, end):
    for pieces in ([before + end], [before, end], [(before + end)[i : i + 1] for i in range(len(before + end))]):
        parser = Parser()
        for piece in pieces:
            parser.feed(piece)
        assert parser.finish() == [("message", b"[DONE]")]
        assert parser.finish() == []


@pytest.mark.parametrize(
    "end",
    [
        b"",
        b"data: {}",
        b"data: {}\n",
        b'data: {"choices": []}',
        b'data: {"error": {}',
        b'{"error": {}',
        b'data: ["error"]',
        b"[DONE]",
        b": [DONE]",
        b"data: [DONE] x",
        b"\xef\xbb",
    ],
)
def test_anything_else_unterminated_is_dropped(end):
    parser = Parser()
    parser.feed(end)
    assert parser.finish() == []


# --- errors outside the format (A6) ---

BARE: dict[str, tuple[bytes, list[tuple[str, bytes]]]] = {
    "a field": (b'error: {"code": 500}\n\n', [("error", b'{"code": 500}')]),
    "a field in capitals, with text": (b"Error: out of memory\n", [("error", b"out of memory")]),
    "a field without a space": (b"error:no\n", [("error", b"no")]),
    "a field, then an event": (b"error: {}\ndata: [DONE]\n\n", [("error", b"{}"), ("message", b"[DONE]")]),
    "a field behind data": (b"data: a\nerror: no\n\n", [("message", b"a"), ("error", b"no")]),
    "an event without data": (b"event: error\n\ndata: a\n\n", [("error", b""), ("message", b"a")]),
    "JSON": (b'{"error": 1}\n\ndata: [DONE]\n\n', [("message", b'{"error": 1}'), ("message", b"[DONE]")]),
    "JSON, no blank line": (b'{"error": 1}\ndata: a\n\n', [("message", b'{"error": 1}'), ("message", b"a")]),
    "JSON, white space behind it": (b'{"a": 1} \ndata: b\n\n', [("message", b'{"a": 1} '), ("message", b"b")]),
    "JSON in lines, white space behind it": (
        b'{\n"a": 1\n} \ndata: b\n\n',
        [("message", b'{\n"a": 1\n} '), ("message", b"b")],
    ),
    "JSON in lines": (
        b'{\n  "error": {\n    "code": 500\n  }\n}\ndata: a\n\n',
        [("message", b'{\n  "error": {\n    "code": 500\n  }\n}'), ("message", b"a")],
    ),
    "JSON in lines, CRLF": (b'{\r\n"error": {}\r\n}\r\n\r\n', [("message", b'{\n"error": {}\n}')]),
    "JSON that does not end, then fields": (b"{\n\nid: 1\ndata: a\n\n", [("message", b"{"), ("message", b"a")]),
    "named JSON": (b"event: error\n{}\n\n", [("error", b"{}")]),
}


@pytest.mark.parametrize(("text", "events"), BARE.values(), ids=BARE)
def test_an_error_outside_the_format_is_an_event_wherever_it_is_cut(text, events):
    assert parse(text) == events
    for cut in range(len(text)):
        assert parse(text[:cut], text[cut:]) == events


@pytest.mark.parametrize(
    ("end", "event"),
    [
        (b'data: {"error": "no"}', ("message", b'{"error": "no"}')),
        (b'data: {"error": "no"}\n', ("message", b'{"error": "no"}')),
        (b'data: {"choices": [], "error": "no"}', ("message", b'{"choices": [], "error": "no"}')),
        (b'data: {"id": "a", "message": "no"}', ("message", b'{"id": "a", "message": "no"}')),
        (b'{"error": "no"}', ("message", b'{"error": "no"}')),
        (b"error: no", ("error", b"no")),
        (b"event: error\ndata: no", ("error", b"no")),
        (b"event: error\n", ("error", b"")),
    ],
)
def test_an_unterminated_error_at_the_end_counts(end, event):
    for before in (b"", b"data: a\n\n"):
        parser = Parser()
        parser.feed(before + end)
        assert parser.finish() == [event]
        assert parser.finish() == []


# --- bounds ---

LIMIT = 100
TOO_LARGE = {
    "one line": [b"data: " + b"x" * 200],
    "one whole line": [b"data: " + b"x" * 200 + b"\n\n"],
    "a line in pieces": [b"data: ", *[b"x" * 30] * 5],
    "many lines": [b"data: " + b"x" * 30 + b"\n"] * 5,
    "a comment": [b":", *[b"x" * 30] * 5],
    "a line after lines": [b"data: " + b"x" * 60 + b"\ndata: " + b"x" * 60],
}


@pytest.mark.parametrize("pieces", TOO_LARGE.values(), ids=TOO_LARGE)
def test_an_event_beyond_the_limit_is_refused(pieces):
    with pytest.raises(EventTooLarge, match="an event of the stream is larger than 100 bytes"):
        parse(*pieces, limit=LIMIT)


def test_events_up_to_the_limit_pass_for_ever():
    event = b"data: " + b"x" * (LIMIT - 6) + b"\n\n"
    assert len(parse(*[event] * 50, limit=LIMIT)) == 50
    assert len(parse(event * 50, limit=LIMIT)) == 50
    assert len(parse(*[event[:LIMIT], b"\n\n"] * 50, limit=LIMIT)) == 50
    assert len(parse(*[b": " + b"x" * (LIMIT - 2) + b"\n"] * 9, event, limit=LIMIT)) == 1


def test_few_and_short_names_of_events_are_kept():
    parser = Parser()
    longest = b"event:" + b"x" * (MAX_NAME_BYTES - 6)
    for line in (longest, longest + b"x", *(b"event: %d" % number for number in range(2 * MAX_NAMES))):
        parser.feed(line + b"\ndata: a\n\n")
    assert longest in parser._names
    assert longest + b"x" not in parser._names
    assert len(parser._names) == MAX_NAMES


def test_an_event_of_four_mebibytes_passes_in_small_pieces():
    size = 4 * 1024 * 1024
    pieces = [b"data: ", *[b"x" * 1024] * (size // 1024), b"\n\n"]
    assert [len(data) for data in datas(*pieces)] == [size]


def test_a_long_line_is_not_copied_again_for_every_piece():
    """Held pieces are joined once: what is in `_pending` stays what was fed, piece by piece."""
    parser = Parser()
    parser.feed(b"data: ")
    for _ in range(1000):
        parser.feed(b"x" * 10)
    assert max(map(len, parser._pending)) == 10
    assert len(parser._pending) == 1001
