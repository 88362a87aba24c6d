"""Every fault, at byte level."""

from __future__ import annotations

import gzip
import json
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from emulator_kit import body, chunks_of, connect, raw, raw_request

from inference_do import emulator as e
from inference_do.emulator import Emulator

if TYPE_CHECKING:
    from emulator_kit import Asker

STREAM = body("one two three four five six seven", stream=True)
WHOLE = body("one two three")


def wait_for(condition: Any) -> None:
    end = time.monotonic() + 3
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_one_element_a_request_and_always(emu: Emulator, ask: Asker) -> None:
    emu.script(e.Status(503), None, [e.Status(500), e.DelayHead(0.01)])
    assert [ask.post().status_code for _ in range(4)] == [503, 200, 500, 200]
    emu.always = e.Status(502, "<html>bad</html>")
    response = ask.post()
    assert (response.status_code, response.headers["content-type"]) == (502, "text/html")
    emu.faults.append(e.Status(418))
    assert [ask.post().status_code for _ in range(2)] == [418, 502]
    assert ask.http.get("/models").status_code == 200


def test_get_takes_faults_when_asked() -> None:
    with Emulator(faults=[e.Status(500), None], faults_on_get=True) as emu:
        headers = {"authorization": f"Bearer {emu.api_key}"}
        statuses = [httpx.get(f"{emu.base_url}/models", headers=headers).status_code for _ in range(2)]
        assert statuses == [500, 200]


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 409, 413, 422, 429, 500, 502, 503, 504, 418, 599])
def test_status_has_the_apis_own_body(emu: Emulator, ask: Asker, status: int) -> None:
    emu.script(e.Status(status))
    response = ask.post()
    assert response.status_code == status
    error = response.json()
    assert error["message"] if status == 401 else error["error"].keys() == {"message", "type"}
    assert "x-request-id" in response.headers


def test_status_with_own_body_and_duplicate_headers(emu: Emulator, ask: Asker) -> None:
    emu.script(
        e.Status(429, {"a": 1}, {"retry-after": "3"}),
        e.Status(503, b"", [("x-a", "1"), ("x-a", "2")]),
        e.Status(500, "plain", content_type="text/x"),
    )
    first, second, third = ask.post(), ask.post(), ask.post()
    assert (first.json(), first.headers["retry-after"]) == ({"a": 1}, "3")
    assert (second.content, second.headers.get_list("x-a")) == (b"", ["1", "2"])
    assert (third.text, third.headers["content-type"]) == ("plain", "text/x")


def test_rate_limited_is_this_apis_429(emu: Emulator, ask: Asker) -> None:
    emu.script(e.RateLimited(reset_after=5))
    response = ask.post()
    names = {name for name in response.headers if name.startswith("x-ratelimit")}
    assert names == {f"x-ratelimit-{word}-requests" for word in ("limit", "remaining", "reset")}
    assert response.status_code == 429
    assert "retry-after" not in response.headers
    assert 4 < int(response.headers["x-ratelimit-reset-requests"]) - time.time() <= 6


def test_redirect(emu: Emulator, ask: Asker) -> None:
    emu.script(e.Redirect(307, "http://127.0.0.1:1/x"))
    response = ask.post()
    assert (response.status_code, response.headers["location"]) == (307, "http://127.0.0.1:1/x")


@pytest.mark.parametrize("request_body", [STREAM, WHOLE])
@pytest.mark.parametrize(("fault", "end"), [(e.Drop, "fin"), (e.Reset, "rst")])
class TestBreaks:
    def test_before_the_head(self, emu: Emulator, request_body: Any, fault: Any, end: str) -> None:
        emu.script(fault(before_head=True))
        assert raw(emu, request_body) == (b"", end)

    def test_after_the_head(self, emu: Emulator, request_body: Any, fault: Any, end: str) -> None:
        emu.script(fault())
        received, ended = raw(emu, request_body)
        assert ended == end
        assert received.startswith(b"HTTP/1.1 200 OK\r\n")
        assert received.endswith(b"\r\n\r\n")

    def test_after_events(self, emu: Emulator, request_body: Any, fault: Any, end: str) -> None:
        emu.script(None, fault(after_events=2))
        complete, _ = raw(emu, request_body)
        received, ended = raw(emu, request_body)
        assert ended == end
        if request_body is STREAM:
            assert chunks_of(received) == chunks_of(complete)[:2]
            assert not received.endswith(b"0\r\n\r\n")
        else:
            whole = complete.partition(b"\r\n\r\n")[2]
            assert abs(len(received.partition(b"\r\n\r\n")[2]) - len(whole) / 2) <= 2

    def test_at_a_byte(self, emu: Emulator, request_body: Any, fault: Any, end: str) -> None:
        emu.script(fault(at_byte=77))
        received, ended = raw(emu, request_body)
        assert ended == end
        sent = received.partition(b"\r\n\r\n")[2]
        assert len(sent if request_body is WHOLE else b"".join(chunks_of(received))) == 77


def test_truncate_ends_cleanly(emu: Emulator, ask: Asker) -> None:
    emu.script(e.Truncate(after_events=3), e.Truncate(), e.Truncate(after_events=2))
    assert len(ask.stream("one two three")) == 3
    assert ask.stream("one two three") == []
    whole = ask.post()
    assert int(whole.headers["content-length"]) == len(whole.content) > 0
    with pytest.raises(json.JSONDecodeError):
        whole.json()


def test_corrupt(emu: Emulator, ask: Asker) -> None:
    emu.script(e.Corrupt(1, b"data: {oops\n\n"), e.Corrupt(1, b"\xff"))
    assert "data: {oops" in ask.post(stream=True).text
    assert b"\xff" in ask.post().content


def test_error_events(emu: Emulator) -> None:
    emu.script(
        e.ErrorEvent(after_events=1),
        e.ErrorEvent(after_events=0, body={"error": "text"}, event_name="error", done=False),
        e.ErrorEvent(after_events=99, body="not json"),
    )
    first, second, third = (chunks_of(raw(emu, STREAM)[0]) for _ in range(3))
    assert len(first) == 3
    assert set(json.loads(first[1][6:])["error"]) == {"message", "type"}
    assert first[2] == b"data: [DONE]\n\n"
    assert second == [b'event: error\ndata: {"error":"text"}\n\n']
    assert third[-2] == b"data: not json\n\n"
    emu.script(e.ErrorEvent())
    assert b'{"error":' in raw(emu, WHOLE)[0].partition(b"\r\n\r\n")[2]


def test_stall_and_disconnect(emu: Emulator) -> None:
    emu.script(e.Stall(after_events=2))
    with connect(emu) as sock:
        sock.sendall(raw_request(emu, STREAM))
        sock.settimeout(0.2)
        received = b""
        with pytest.raises(TimeoutError):
            while True:
                received += sock.recv(65536)
        assert len(chunks_of(received)) == 2
        assert emu.disconnects == []
    left_at = time.monotonic()
    wait_for(lambda: emu.disconnects)
    left = emu.disconnects[0]
    assert (left.connection, left.request, left.events_written) == (1, 0, 2)
    assert left.bytes_written == sum(map(len, chunks_of(received)))
    assert left.time - left_at < 0.5


def test_a_stall_that_ends(emu: Emulator, ask: Asker) -> None:
    emu.script(
        e.Stall(after_events=1, seconds=0.1), e.Stall(before_head=True, seconds=0.1), e.Stall(at_byte=9, seconds=0.1)
    )
    for _ in range(3):
        start = time.monotonic()
        assert ask.stream()[-1] == "[DONE]"
        assert time.monotonic() - start >= 0.1
    assert emu.disconnects == []


def test_heartbeats_never_end(emu: Emulator) -> None:
    emu.script(e.Heartbeats(after_events=1, every=0.01))
    with connect(emu) as sock:
        sock.sendall(raw_request(emu, STREAM))
        received = b""
        while received.count(b": keep-alive\n\n") < 4:
            received += sock.recv(65536)
    wait_for(lambda: emu.disconnects)


def test_delays(emu: Emulator, ask: Asker) -> None:
    emu.script(e.DelayHead(0.1), e.DelayEvents(0.02), e.DelayBytes(0.02, every=200))
    for least in (0.1, 0.1, 0.1):
        start = time.monotonic()
        assert ask.stream("one two three four")[-1] == "[DONE]"
        assert time.monotonic() - start >= least


def test_bodies_and_streams_as_given(emu: Emulator) -> None:
    emu.script(
        e.RawBody(b"<html>", "text/html", 203, {"x-a": "b"}),
        e.RawStream([b"da", b"ta: x\n", b"\n"], content_type=None),
        e.Raw(b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx"),
    )
    first, second, third = (raw(emu, STREAM)[0] for _ in range(3))
    assert first.startswith(b"HTTP/1.1 203")
    assert b"x-a: b\r\n" in first
    assert first.endswith(b"\r\n\r\n<html>")
    assert chunks_of(second) == [b"da", b"ta: x\n", b"\n"]
    assert b"content-type" not in second
    assert third.startswith(b"HTTP/1.1 102")


def test_raw_can_keep_the_connection(emu: Emulator, ask: Asker) -> None:
    emu.script(e.Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi", close=False))
    assert ask.post().text == "hi"
    assert ask.post().status_code == 200
    assert emu.connections == 1


def test_split_bytes(emu: Emulator) -> None:
    emu.script(e.SplitBytes(3))
    pieces = chunks_of(raw(emu, STREAM)[0])
    assert {len(piece) for piece in pieces[:-1]} == {3}
    assert b"".join(pieces).endswith(b"data: [DONE]\n\n")


def test_no_terminator(emu: Emulator) -> None:
    emu.script(e.NoTerminator(), e.NoTerminator())
    received, ended = raw(emu, STREAM)
    assert (received[-8:], ended) == (b"DONE]\n\n\r\n"[-8:], "fin")
    received, ended = raw(emu, WHOLE)
    head, _, sent = received.partition(b"\r\n\r\n")
    assert f"content-length: {len(sent) + 1}".encode() in head


def test_close_after_a_complete_reply(emu: Emulator, ask: Asker) -> None:
    emu.script(e.CloseAfter(0.02))
    response = ask.post()
    assert "connection" not in response.headers
    wait_for(lambda: emu.open_connections == 0)
    assert emu.disconnects == []


def test_gzip_bomb(emu: Emulator) -> None:
    emu.script(e.GzipBomb(20 << 20), e.GzipBomb(1 << 20))
    received, _ = raw(emu, WHOLE)
    packed = b"".join(chunks_of(received))
    assert len(packed) < (20 << 20) / 500
    assert len(json.loads(gzip.decompress(packed))["a"]) == 20 << 20
    packed = b"".join(chunks_of(raw(emu, STREAM)[0]))
    assert gzip.decompress(packed).startswith(b'data: {"a":"aaa')


def test_a_client_that_leaves_a_slow_stream(emu: Emulator, ask: Asker) -> None:
    emu.script(e.DelayEvents(0.05))
    with ask.http.stream("POST", "/chat/completions", json=STREAM) as response:
        next(response.iter_bytes())
    wait_for(lambda: emu.disconnects)
    assert 1 <= emu.disconnects[0].events_written <= 3


def test_faults_combine(emu: Emulator) -> None:
    emu.script([e.DelayHead(0.05), e.Corrupt(0, b"data: x\n\n"), e.Truncate(2), e.Reset(after_events=2)])
    start = time.monotonic()
    received, ended = raw(emu, STREAM)
    assert ended == "rst"
    assert chunks_of(received)[0] == b"data: x\n\n"
    assert time.monotonic() - start >= 0.05


def test_a_raw_stream_is_made_of_pieces():
    with pytest.raises(TypeError, match="takes a list of bytes"):
        e.RawStream(b"data: x\n\n")
