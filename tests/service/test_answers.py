"""What the example service answers, what it refuses, and what it says when something fails.

It uses langchain_do and llamaindex_do.
"""

from __future__ import annotations

import httpx
import pytest
from service_kit import ENGINES, QUESTION, ask, asking, events_of, read_until, until

from inference_do.emulator import ErrorEvent, RateLimited, Reset, Stall, Status


@pytest.fixture(scope="module")
def small(serve):
    """A service that makes one answer at once, to short questions."""
    from service.limits import Limits

    with serve(Limits(streams=1, question=100)) as url:
        yield url


@pytest.fixture(scope="module")
def hasty(serve):
    """A service without patience."""
    from service.limits import Limits

    with serve(Limits(seconds=1.0, head_seconds=0.1, ping_seconds=0.1)) as url:
        yield url


@pytest.mark.parametrize("engine", ENGINES)
def test_an_answer_has_its_sources_and_comes_in_parts(api, url, engine):
    api.script(None)
    api.reply("Everybody has 28 days.")
    response = ask(url, engine)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["x-accel-buffering"] == "no"
    (first, sources), *texts, (last, _) = events_of(response.text)
    assert (first, last) == ("sources", "end")
    assert len(sources) == 2
    assert "leave.md" in sources[0]["source"]
    assert len(texts) > 2
    assert "".join(text for _, text in texts) == "Everybody has 28 days."
    assert sources[0]["text"][:40] in str(api.requests[-1].json)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_rate_limit_before_the_first_text_is_a_status(api, serve, engine):
    api.script(None)
    with serve() as url:  # of its own, as it remembers the limit
        api.always = RateLimited(reset_after=30)
        response = ask(url, engine)
    assert response.status_code == 503
    assert 25 <= int(response.headers["retry-after"]) <= 31
    assert response.json()["message"] == "The model is busy. Please try again in a moment."


FAILURES = [
    (Status(401), 502),
    (Status(500), 502),
    (Status(402, {"error": {"message": "insufficient balance", "code": "insufficient_quota"}}), 503),
]


@pytest.mark.parametrize(("fault", "status"), FAILURES)
def test_a_failure_before_the_first_text_is_a_status_without_the_servers_words(api, url, fault, status):
    api.always = fault
    response = ask(url)
    assert response.status_code == status
    assert set(response.json()) == {"message", "retry_after"}
    assert api.api_key not in response.text
    assert "insufficient" not in response.text


@pytest.mark.parametrize("fault", [ErrorEvent(after_events=4), Reset(after_events=4)], ids=repr)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_failure_after_it_is_an_event_in_plain_words(api, url, engine, fault):
    api.script(None, fault)
    response = ask(url, engine, "a question of many words " * 3)
    assert response.status_code == 200
    name, data = events_of(response.text)[-1]
    assert name == "error"
    assert data["message"] == "The model could not be reached, or its answer broke off. Please ask again."
    assert "text" in dict(events_of(response.text))
    assert api.api_key not in response.text
    assert "Traceback" not in response.text


def test_a_defect_of_the_service_is_told_in_plain_words_and_logged(url, monkeypatch, caplog):
    from service import engines

    async def broken(*_):
        yield engines.Event("text", "so far")
        message = "a secret of the code"
        raise KeyError(message)

    monkeypatch.setitem(engines.ANSWERS, "langchain", broken)
    response = ask(url)
    assert events_of(response.text)[-1] == (
        "error",
        {"message": "Something went wrong in the service.", "retry_after": None},
    )
    assert "secret" not in response.text
    assert "a secret of the code" in caplog.text


def test_more_answers_at_once_than_the_limit_are_refused(api, small):
    api.script(None, Stall(after_events=3))
    with asking(small) as first:
        read_until(first, b"event: text")
        second = ask(small)
        assert (second.status_code, second.headers["retry-after"]) == (503, "2")
        assert httpx.get(f"{small}/ready").status_code == 503
        assert httpx.get(f"{small}/live").status_code == 200
    until(lambda: httpx.get(f"{small}/ready").status_code == 200)
    assert ask(small).status_code == 200
    until(lambda: httpx.get(f"{small}/ready").status_code == 200)


@pytest.mark.parametrize(
    ("question", "status"), [("x" * 101, 413), ("x" * 5_000, 413), (" ", 422), ("\N{GRINNING FACE}" * 100, 200)]
)
def test_the_size_of_a_question_is_limited(api, small, question, status):
    assert ask(small, question=question).status_code == status
    until(lambda: httpx.get(f"{small}/ready").status_code == 200)
    assert bool(api.posts) == (status == 200)


UNREADABLE = [b'{"question": "\\ud83d"}', b'{"question": Infinity}', b"[]", b"", b'{"question": "\xff"}', b"[" * 10_000]


@pytest.mark.parametrize("body", UNREADABLE, ids=lambda body: repr(body[:22]))
def test_a_body_that_asks_nothing_is_refused_and_not_repeated(api, url, body):
    response = httpx.post(f"{url}/ask/langchain", content=body, headers={"content-type": "application/json"})
    assert response.status_code in {400, 422}
    assert isinstance(response.json()["detail"], str)  # what the page shows
    assert api.posts == 0


@pytest.mark.parametrize("path", ["/", "/live", "/ready"])
def test_a_balancer_may_ask_by_head(url, path):
    response = httpx.head(url + path)
    assert (response.status_code, response.content) == (200, b"")


def test_there_is_no_schema_to_fail(url):
    assert httpx.get(f"{url}/openapi.json").status_code == 404


def test_an_engine_that_is_not_there_is_refused(api, url):
    assert ask(url, "other").status_code == 422
    assert api.posts == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_an_answer_that_takes_too_long_is_stopped(api, hasty, engine):
    api.script(None, Stall(after_events=3))
    name, data = events_of(ask(hasty, engine).text)[-1]
    assert (name, data["message"]) == ("error", "The answer took longer than 1 seconds and was stopped.")
    until(lambda: api.disconnects)


def test_while_a_model_thinks_the_head_and_comments_are_sent(api, hasty):
    api.script(None, Stall())
    with asking(hasty) as connection:
        received = read_until(connection, b"event: error")
    assert received.startswith("HTTP/1.1 200 ")
    assert ": ping" in received.partition("event: sources")[2].partition("event: error")[0]


def test_without_a_head_a_time_limit_is_a_status(api, serve):
    from service.limits import Limits

    with serve(Limits(seconds=0.5)) as url:
        api.script(None, Stall())
        assert ask(url).status_code == 504


def test_health_spends_no_tokens(api, url):
    assert httpx.get(f"{url}/live").json() == {"status": "live"}
    assert httpx.get(f"{url}/ready").json() == {"status": "ready", "streams": 0, "most": 100}
    assert api.posts == 0


def test_requests_share_one_client(api, url):
    for engine in ENGINES:
        ask(url, engine)
    before = api.connections
    for engine in ENGINES * 3:
        assert ask(url, engine, QUESTION).status_code == 200
    assert api.connections == before


def test_limits_come_from_the_environment(monkeypatch):
    from service.limits import Limits

    monkeypatch.setenv("SERVICE_STREAMS", "7")
    monkeypatch.setenv("SERVICE_SECONDS", "2.5")
    assert Limits.from_environment() == Limits(streams=7, seconds=2.5)
