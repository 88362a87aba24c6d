"""The example service in a thread, or in processes of its own, and what a browser would ask it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn

from inference_do.config import BASE_URL_VARIABLE, KEY_VARIABLES

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ENGINES = ["langchain", "llamaindex", "langchain-threads", "llamaindex-threads"]
QUESTION = "How many days of paid leave does everybody have?"


def until(condition, seconds=60.0):
    """Wait for something that another thread or process does."""
    ends = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < ends, "it never came"
        time.sleep(0.005)
    return found


def environment_of(emulator):
    return {KEY_VARIABLES[0]: emulator.api_key, BASE_URL_VARIABLE: emulator.base_url}


@contextmanager
def serving(emulator, limits=None):
    """Run the service in a thread, on an emulator; yield its URL."""
    from service.app import create_app

    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment_of(emulator).items():
            patch.setenv(name, value)
        with _serving(create_app(limits)) as url:
            yield url


@contextmanager
def _serving(app):
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, timeout_graceful_shutdown=5, ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started or not thread.is_alive())
    assert thread.is_alive()
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)


class Process:
    """The service under a command, in processes of its own."""

    def __init__(self, emulator, *command, **environment):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        own = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        paths = os.pathsep.join([str(ROOT), str(ROOT / "examples"), str(HERE)])
        self.url = f"http://127.0.0.1:{port}"
        self._log = []
        self.process = subprocess.Popen(
            [sys.executable, *(part.format(port=port) for part in command)],
            env={**own, **environment_of(emulator), "PYTHONPATH": paths, **environment},
            cwd=ROOT,
            stderr=subprocess.STDOUT,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        self._log.extend(self.process.stdout)

    @property
    def log(self):
        return "".join(self._log)

    def is_ready(self):
        assert self.process.poll() is None, self.log
        try:
            return httpx.get(f"{self.url}/ready", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def __enter__(self):
        try:
            until(self.is_ready, 150)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        finally:
            self.process.kill()
            self._reader.join(10)
            self.process.stdout.close()


def events_of(text):
    """Return the events of a stream, as pairs of a name and data."""
    found = re.findall(r"^event: (\w+)\ndata: (.*)$", text, re.MULTILINE)
    return [(name, json.loads(data)) for name, data in found]


def ask(url, engine="langchain", question=QUESTION, **options):
    return httpx.post(f"{url}/ask/{engine}", json={"question": question}, timeout=30, **options)


@contextmanager
def asking(url, engine="langchain", question=QUESTION, *, buffer=None):
    """Ask over a socket; leaving the block closes it, as a browser does.

    Args:
        url: The service's.
        engine: What answers.
        question: What is asked.
        buffer: Bytes that the socket receives before it is read.
    """
    host, port = url.removeprefix("http://").split(":")
    body = json.dumps({"question": question}).encode()
    head = (
        f"POST /ask/{engine} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    with socket.socket() as connection:
        if buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        connection.settimeout(30)
        connection.connect((host, int(port)))
        connection.sendall(head.encode() + body)
        yield connection


def read_until(connection, text):
    """Read a connection until a text has come, or to its end; return what came."""
    received = b""
    while text not in received and (data := connection.recv(65536)):
        received += data
    return received.decode()
