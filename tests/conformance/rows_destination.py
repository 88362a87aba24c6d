"""Where an answer comes from, and connections that are none (rows 85 to 91)."""

# ruff: noqa: E501  the rows of its table stay rows

from __future__ import annotations

from rows import Row

from inference_do.emulator import CloseAfter, Raw, Redirect, Status

ELSEWHERE = "a redirect to 'elsewhere.example': not followed, nothing was sent there"
BROKE = "the connection to the API broke"


def redirect(number: str, status: int, location: str, reported: str = ELSEWHERE) -> Row:
    return Row(
        name=f"{number} {status} to {location}",
        script=[Redirect(status, location)],
        error="ProtocolError",
        message=f"the API answered {status}, {reported}",
        retryable=False,
    )


ROWS = [
    redirect("85", 301, "https://elsewhere.example/v1"),
    redirect("85b", 302, "https://elsewhere.example/v1"),
    redirect("85c", 303, "https://elsewhere.example/v1"),
    redirect("85d", 307, "http://elsewhere.example/v1"),
    redirect("85e", 308, "//elsewhere.example/v1"),
    redirect("85f", 307, "/v2/chat/completions", "a redirect to 'another path': not followed, nothing was sent there"),
    redirect("85g", 302, "http://[oops", "a redirect to 'something that is no URL': not followed, nothing was sent there"),
    Row(name="85h 304", script=[Status(304, b"")], error="ProtocolError", message="the API answered 304, which is neither an answer nor an error"),
    Row(name="86 not HTTP", script=[Raw(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")], error="ProtocolError", message="the response is not HTTP as it should be: what came is not HTTP/1.1", retryable=False),
    Row(name="86b half a head", script=[Raw(b"HTTP/1.1 200 OK\r\ncontent-le"), None], posts=2),
    Row(name="86c a head of another protocol", script=[Raw(b"HTTP/1.1 twohundred OK\r\n\r\n")], error="ProtocolError", message="the response is not HTTP as it should be: ", retryable=False),
    Row(name="91 the idle connection is closed", script=[[CloseAfter(0.0)]]),
]  # fmt: skip
