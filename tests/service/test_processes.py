"""The example service in processes of its own: several workers, and what SIGTERM does."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from service_kit import ENGINES, Process, ask, asking, events_of, read_until, until

from inference_do.emulator import DelayEvents, DelayHead, Stall

UVICORN = ("examples/service", "--port", "{port}")
GUNICORN = ("-m", "gunicorn", "--config", "examples/service/gunicorn.conf.py", "--bind", "127.0.0.1:{port}")
GUNICORN += ("--worker-tmp-dir", "/dev/shm")
COMMANDS = pytest.mark.parametrize(
    "command",
    [
        pytest.param(UVICORN, id="uvicorn"),
        pytest.param(
            GUNICORN,
            id="gunicorn",
            marks=pytest.mark.skipif(sys.platform == "win32", reason="gunicorn needs fork"),
        ),
    ],
)


def test_models_from_before_the_fork_work_in_every_worker(api):
    with Process(api, *GUNICORN, "preloaded:app") as service:
        of_parent = {request.connection for request in api.requests if "before the fork" in request.body.decode()}
        api.always = DelayHead(0.1)  # one worker alone does not take all

        def get(path):
            return httpx.get(f"{service.url}{path}", timeout=30).json()

        paths = ["/shared", "/shared-in-tasks"] * 20
        with ThreadPoolExecutor(10) as pool:
            found = list(pool.map(get, paths))
        assert {answer["text"] for answer in found} == {"You said: after it"}
        assert len({answer["process"] for answer in found}) == 2
        asked = {request.connection for request in api.requests if "after it" in request.body.decode()}
        assert len(of_parent) == 1
        assert not asked & of_parent


@COMMANDS
def test_a_process_that_is_told_to_stop_ends_its_answers_and_takes_no_more(api, command):
    with Process(api, *command) as service:
        for engine in ENGINES:
            assert events_of(ask(service.url, engine).text)[-1][0] == "end"
        api.script(None, DelayEvents(0.1))
        with asking(service.url, question="word " * 15) as connection:
            read_until(connection, b"event: text")
            service.terminate()
            until(lambda: not can_connect(service))
            assert "event: end" in read_until(connection, b"event: end")
        assert service.process.wait(20) == 0
        assert not api.disconnects
        assert "Traceback" not in service.log
        assert api.open_connections == 0


def can_connect(service):
    try:
        httpx.get(f"{service.url}/live", timeout=5)
    except httpx.TransportError:
        return False
    return True


def test_an_answer_that_outlasts_the_stop_is_told_so(api):
    with Process(api, *UVICORN, "--stop-seconds", "1") as service:
        api.script(None, Stall(after_events=3))
        with asking(service.url, "langchain-threads") as connection:
            read_until(connection, b"event: text")
            service.terminate()
            name, data = events_of(read_until(connection, b"event: error"))[-1]
            assert (name, data["message"]) == ("error", "The service is being restarted. Please ask again.")
        service.process.wait(20)
        until(lambda: api.disconnects)
