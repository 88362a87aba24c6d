"""The playground's faults and limits: what can be switched on and set, and what is refused."""

from __future__ import annotations

import json
import time
from typing import Any, get_args

import pytest
from emulator_kit import MODEL, body

from inference_do.emulator import Fault
from inference_do.emulator._server.playground.fault_forms import CLASSES, catalogue, code_of, fault_of


def filled(form: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a form as the page sends it when nothing was changed."""
    return {
        field["name"]: json.loads(field["value"]) if field["kind"] == "json" else field["value"]
        for field in form["fields"]
    }


def test_every_fault_has_a_form():
    assert set(CLASSES.values()) == set(get_args(Fault))
    assert [form["name"] for form in catalogue()] == list(CLASSES)
    assert all(form["summary"] for form in catalogue())


@pytest.mark.parametrize("form", catalogue(), ids=lambda form: form["name"])
def test_each_form_as_it_begins_is_a_fault(form):
    fault = fault_of(form["name"], filled(form))
    assert type(fault) is CLASSES[form["name"]]
    names: dict[str, Any] = dict(CLASSES)
    assert eval(code_of(fault), names) == fault


def test_a_fault_is_for_the_next_requests(emu, page, ask):
    assert page.ask("POST", "faults", {"fault": "Status", "fields": {"status": 503}, "times": 2}).status_code == 200
    page.ask("POST", "faults", {"fault": "Status", "fields": {"status": 429}})
    state = page.state()["faults"]
    assert state["next"] == [
        {"fault": "Status(status=503)", "times": 2},
        {"fault": "Status(status=429)", "times": 1},
    ]
    assert [ask.post().status_code for _ in range(4)] == [503, 503, 429, 200]
    assert page.state()["faults"] == {"always": [], "next": [], "waiting": 0}


def test_a_fault_is_on_until_it_is_switched_off_and_several_combine(emu, page, ask):
    page.ask("POST", "faults", {"fault": "Status", "fields": {"status": 500}, "times": None})
    page.ask("POST", "faults", {"fault": "DelayHead", "fields": {"seconds": 0.2}, "times": None})
    page.ask("POST", "faults", {"fault": "Status", "fields": {"status": 503}, "times": None})
    assert page.state()["faults"]["always"] == ["DelayHead(seconds=0.2)", "Status(status=503)"]
    started = time.monotonic()
    assert [ask.post().status_code, ask.post().status_code] == [503, 503]
    assert time.monotonic() - started >= 0.4
    page.ask("DELETE", "faults/always/1")
    assert ask.post().status_code == 200
    page.ask("POST", "faults", {"fault": "Status", "fields": {"status": 503}, "times": 5})
    page.ask("DELETE", "faults/next")
    assert page.state()["faults"] == {"always": ["DelayHead(seconds=0.2)"], "next": [], "waiting": 0}
    page.ask("DELETE", "faults")
    assert emu.always is None


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"fault": "Nothing"},
        {"fault": ["Status"]},
        {"fault": "Status"},
        {"fault": "Status", "fields": []},
        {"fault": "Status", "fields": {"status": "503"}},
        {"fault": "Status", "fields": {"status": True}},
        {"fault": "Status", "fields": {"status": 100}},
        {"fault": "Status", "fields": {"status": 1000}},
        {"fault": "Status", "fields": {"status": 503, "colour": "red"}},
        {"fault": "Status", "fields": {"status": 503, "headers": {"a": "b\r\nset-cookie: c"}}},
        {"fault": "Status", "fields": {"status": 503, "headers": {"a\r\nb": "c"}}},
        {"fault": "Status", "fields": {"status": 503, "headers": {"a": "ü"}}},
        {"fault": "Status", "fields": {"status": 503, "headers": {"a": 1}}},
        {"fault": "Status", "fields": {"status": 503, "headers": None}},
        {"fault": "Status", "fields": {"status": 503, "body": "x" * 30_000}},
        {"fault": "Redirect", "fields": {"status": 307, "location": "/\r\nx: y"}},
        {"fault": "DelayHead", "fields": {"seconds": -1}},
        {"fault": "DelayHead", "fields": {"seconds": 1e9}},
        {"fault": "DelayBytes", "fields": {"seconds": 1, "every": 0}},
        {"fault": "SplitBytes", "fields": {"size": 0}},
        {"fault": "Heartbeats", "fields": {"every": 0}},
        {"fault": "GzipBomb", "fields": {"size": 10**12}},
        {"fault": "RawStream", "fields": {"chunks": "abc"}},
        {"fault": "RawStream", "fields": {"chunks": [1]}},
        {"fault": "NoTerminator", "times": 0},
        {"fault": "NoTerminator", "times": 1.5},
        {"fault": "NoTerminator", "times": True},
        {"fault": "NoTerminator", "times": 1001},
        {"fault": "NoTerminator", "extra": 1},
    ],
    ids=str,
)
def test_what_is_no_fault_is_refused(emu, page, given, ask):
    response = page.ask("POST", "faults", given)
    assert response.status_code == 400, response.text
    assert response.json()["error"]["message"]
    assert (list(emu.faults), emu.always) == ([], None)
    assert ask.says("Hello") == "You said: Hello"


def test_the_script_is_bounded(page):
    switch = {"fault": "NoTerminator", "times": 900}
    assert page.ask("POST", "faults", switch).status_code == 200
    refused = page.ask("POST", "faults", switch)
    assert (refused.status_code, "room for 100 more" in refused.text) == (400, True)


# --- limits ---


def test_a_limit_is_set_shown_and_cleared(emu, page, ask):
    assert page.state()["limits"] == {"limit": None, "left": []}
    assert page.ask("PUT", "limits", {"requests": 2, "seconds": 3600, "tokens": 1000}).status_code == 200
    assert [ask.post().status_code for _ in range(3)] == [200, 200, 429]
    limits = page.state()["limits"]
    assert limits["limit"] == {"requests": 2, "seconds": 3600, "tokens": 1000}
    left = {level["name"]: (level["model"], level["limit"], level["left"]) for level in limits["left"]}
    assert left["requests"] == (MODEL, 2, 0)
    assert left["tokens-per-minute"][1] == 1000
    assert 900 < left["tokens-per-minute"][2] < 1000
    page.ask("PUT", "limits", {"requests": 1, "tokens": None})
    assert [ask.post().status_code for _ in range(2)] == [200, 429]
    page.ask("DELETE", "limits")
    assert ask.post().status_code == 200
    assert page.state()["limits"] == {"limit": None, "left": []}


@pytest.mark.parametrize(
    "given",
    [{}, {"requests": 0}, {"requests": 1.5}, {"requests": "5"}, {"requests": 5, "seconds": 0}, {"requests": 5, "x": 1}],
    ids=str,
)
def test_what_is_no_limit_is_refused(page, given):
    assert page.ask("PUT", "limits", given).status_code == 400
    assert page.state()["limits"]["limit"] is None


def test_a_limit_knows_only_so_many_models_at_once(emu, page, ask):
    page.ask("PUT", "limits", {"requests": 5})
    for number in range(1_010):
        ask.http.post("/chat/completions", json=body() | {"model": f"m{number}"})
    assert len(page.state()["limits"]["left"]) == 1_000
