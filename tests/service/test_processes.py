"""The example service in processes of its own: several workers, and what SIGTERM does.

It uses langchain_do and llamaindex_do.
"""

from __future__ import annotations

import re
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from service_kit import ROOT, Process, asking, events_of, read_until, until

from inference_do.emulator import DelayEvents, DelayHead, Stall

pytestmark = pytest.mark.timeout(180)  # an interpreter with both frameworks takes its time on a busy machine

[COMMAND] = re.findall(r"^\$ (gunicorn .*?)  +#", (ROOT / "docs" / "serving.md").read_text("utf-8"), re.MULTILINE)
GUNICORN = ("-m", *COMMAND.split(), "--bind", "127.0.0.1:{port}")


def can_connect(service):
    try:
        httpx.get(f"{service.url}/live", timeout=5)
    except httpx.TransportError:
        return False
    return True


@pytest.mark.skipif(sys.platform == "win32", reason="gunicorn needs fork")
def test_models_from_before_the_fork_work_in_every_worker_and_a_stop_waits_for_answers(api):
    with Process(api, *GUNICORN, "preloaded:app") as service:
        of_parent = {request.connection for request in api.requests if "before the fork" in request.body.decode()}
        api.always = DelayHead(0.1)  # so one worker alone seldom takes all
        paths = ["/shared", "/shared-in-tasks"]
        answered: set[tuple[str, int]] = set()
        with ThreadPoolExecutor(10) as pool:
            for _ in range(50):
                found = pool.map(lambda path: (path, httpx.get(f"{service.url}{path}", timeout=60).json()), paths * 5)
                for path, answer in found:
                    assert answer["text"] == "You said: after it"
                    answered.add((path, answer["process"]))
                if len(answered) == 4:  # each way in each worker
                    break
        assert len(answered) == 4
        asked = {request.connection for request in api.requests if "after it" in request.body.decode()}
        assert len(of_parent) == 1
        assert not asked & of_parent

        api.always = None
        api.script(None, DelayEvents(0.1))
        with asking(service.url, question="word " * 15) as connection:
            read_until(connection, b"event: text")
            service.terminate()
            until(lambda: not can_connect(service))
            assert "event: end" in read_until(connection, b"event: end")
        assert service.process.wait(60) == 0
        assert not api.disconnects
        assert "Traceback" not in service.log


def test_a_process_that_is_told_to_stop_ends_its_answers_within_a_bound(api):
    with Process(api, "examples/service", "--port", "{port}", "--stop-seconds", "6") as service:
        before = api.posts
        api.script(None, DelayEvents(0.1), None, Stall(after_events=3))
        with (
            asking(service.url, question="word " * 15) as short,
            until(lambda: api.posts >= before + 2) and asking(service.url, "langchain-threads") as long,
        ):
            read_until(long, b"event: text")
            service.terminate()
            until(lambda: not can_connect(service))
            assert "event: end" in read_until(short, b"event: end")
            assert not api.disconnects
            name, data = events_of(read_until(long, b"no such text"))[-1]
            assert (name, data["message"]) == ("error", "The service is being restarted. Please ask again.")
        assert service.process.wait(60) in {0, -signal.SIGTERM}  # uvicorn ends by the signal itself
        until(lambda: api.disconnects)
        assert api.open_connections == 0
