"""Secrets of tools that the server runs, given to the client itself."""

from __future__ import annotations

import copy
import json
import pickle

import pytest
from pydantic import SecretStr

from inference_do import Client, ConfigError
from inference_do._tool_secrets import MaskedText, mask_secrets, mask_tools, reveal_secrets

SECRET = "mcp-token-0123456789"
HELLO = [{"role": "user", "content": "Hello"}]
MODEL = "llama3.3-70b-instruct"


def test_a_secret_str_is_sent_as_what_it_holds(emu):  # B8
    tool = {"type": "mcp", "server_label": "x", "server_url": "https://x.example", "authorization": SecretStr(SECRET)}
    with Client(emu.api_key, base_url=emu.base_url) as client:
        client.chat(model=MODEL, messages=HELLO, tools=[tool])
        client.stream(model=MODEL, messages=HELLO, tools=[tool]).completion()
    for request in emu.requests:
        assert request.json["tools"] == [{**tool, "authorization": SECRET}]


FIELDS = ["authorization", "Authorization", "api_key", "apiKey", "access_token", "token", "client_secret", "password"]


@pytest.mark.parametrize("name", FIELDS)
def test_fields_named_like_a_secret_are_masked_and_revealed(name):
    tool = {"type": "mcp", "nested": [{name: SECRET}], name: {"value": SECRET}}
    masked = mask_secrets(tool)
    assert SECRET not in repr(masked) + json.dumps(masked) + repr(pickle.dumps(masked))
    assert reveal_secrets(masked) == reveal_secrets(copy.deepcopy(masked)) == tool


def test_urls_that_hold_a_secret_are_masked():
    for url in (f"https://u:{SECRET}@x.example", f"https://x.example/mcp?key={SECRET}", f"https://[{SECRET}/"):
        assert SECRET not in repr(mask_secrets({"server_url": url}))
        assert reveal_secrets(mask_secrets({"server_url": url})) == {"server_url": url}


def test_what_is_no_secret_stays():
    tool = {"type": "web_search", "max_tokens": 5, "max_uses": 2, "user_location": {"city": "Rome"}, "n": None}
    assert mask_secrets(tool) == tool
    function = {"type": "function", "function": {"name": "f", "parameters": {"properties": {"password": {}}}}}
    assert mask_tools({"tools": [function], "a": 1}) == {"tools": [function], "a": 1}
    assert mask_tools({"tools": None}) == {"tools": None}


def test_a_lost_secret_is_not_sent_as_a_mask():
    for lost in (pickle.loads(pickle.dumps(MaskedText(SECRET))), "**********"):
        with pytest.raises(ConfigError, match="secrets are not serialized or pickled; give the tool again"):
            reveal_secrets({"authorization": lost})
