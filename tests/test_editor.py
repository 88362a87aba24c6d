"""What an editor shows to whoever types a call: pyright's language server is asked, as editors ask it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from inference_do.params import ChatParams, Effort, EmbedParams

ROOT = Path(__file__).parent.parent
CODE = """\
from inference_do import AsyncClient, Client
messages = [{"role": "user", "content": "Hello!"}]
Client("key").chat(model="m", messages=messages, )
AsyncClient("key").stream(model="m", messages=messages, )
Client("key").embed(model="m", input="a", )
Client("key").chat(model="m", messages=messages, temperature=0.5)
Client("key").chat(model="m", messages=messages, reasoning_effort="")
Client("key").chat(model="m", messages=[{""}])
"""
SETTINGS = {"python": {"pythonPath": sys.executable}}


class Editor:
    """An editor that has one file open."""

    def __init__(self, server: subprocess.Popen[bytes], text: str) -> None:
        self._server, self._text, self._asked = server, text, 0
        self._file = {"uri": (ROOT / "typed.py").as_uri()}
        folder = {"uri": ROOT.as_uri(), "name": "project"}
        able = {"workspace": {"configuration": True}, "textDocument": {"hover": {"contentFormat": ["plaintext"]}}}
        self._ask("initialize", capabilities=able, workspaceFolders=[folder], processId=None)
        self._tell("initialized")
        opened = {**self._file, "languageId": "python", "version": 1, "text": text}
        self._tell("textDocument/didOpen", textDocument=opened)

    def close(self) -> None:
        """End the server."""
        self._ask("shutdown")
        self._tell("exit")

    def offered(self, line: int, before: str) -> set[str]:
        """Return what is offered in front of some text."""
        found = self._ask("textDocument/completion", textDocument=self._file, position=self._place(line, before))
        return {item["label"] for item in found["items"]}

    def shown(self, line: int, word: str) -> str:
        """Return what is shown over a word."""
        found = self._ask("textDocument/hover", textDocument=self._file, position=self._place(line, word))
        return found["contents"]["value"]

    def _place(self, line: int, before: str) -> dict[str, int]:
        return {"line": line, "character": self._text.splitlines()[line].rindex(before)}

    def _ask(self, method: str, **params: object) -> dict:
        self._asked += 1
        self._send({"id": self._asked, "method": method, "params": params})
        while True:
            message = self._receive()
            if "method" in message and "id" in message:  # the server asks, for settings
                items = (message.get("params") or {}).get("items", ())
                self._send({"id": message["id"], "result": [SETTINGS.get(item["section"]) for item in items]})
            elif message.get("id") == self._asked:
                return message["result"]

    def _tell(self, method: str, **params: object) -> None:
        self._send({"method": method, "params": params})

    def _send(self, message: dict) -> None:
        data = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._server.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(data), data))
        self._server.stdin.flush()

    def _receive(self) -> dict:
        length = 0
        while (line := self._server.stdout.readline()) != b"\r\n":
            assert line, "the language server ended"
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        return json.loads(self._server.stdout.read(length))


@pytest.fixture(scope="module")
def editor():
    pytest.importorskip("basedpyright")
    command = [sys.executable, "-c", "from basedpyright.langserver import main; main()", "--stdio"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as server:
        one = Editor(server, CODE)
        yield one
        one.close()


@pytest.mark.parametrize(("line", "kind"), [(2, ChatParams), (3, ChatParams), (4, EmbedParams)])
def test_it_offers_every_field(editor, line, kind):
    assert {f"{name}=" for name in kind.__annotations__} <= editor.offered(line, ")")


def test_it_offers_the_known_values(editor):
    assert {f'"{effort}"' for effort in get_args(Effort)} <= editor.offered(6, '")')


def test_it_offers_the_keys_of_a_message(editor):
    assert {'"role"', '"content"', '"tool_call_id"'} <= editor.offered(7, '"}')


def test_it_shows_a_fields_type_and_range(editor):
    assert editor.shown(5, "temperature").split("\n\n") == [
        "(variable) temperature: float | None",
        "How freely tokens are chosen: 0 to 2.",
    ]


def test_it_shows_what_a_method_does(editor):
    assert "Return the model's whole answer." in editor.shown(5, "chat")
