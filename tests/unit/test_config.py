"""What a client is given once: keys, base URLs, headers, timeouts, and that the key is masked."""

from __future__ import annotations

import copy
import pickle

import pytest
from pydantic import SecretStr

from inference_do import __version__
from inference_do._urls import checked
from inference_do.config import (
    BASE_URL,
    KEY_VARIABLES,
    Config,
    Secret,
    Timeout,
    check_base_url,
    check_headers,
    check_retries,
    find_key,
)
from inference_do.errors import ConfigError


class Odd:
    """What no setting is, with a name that is the same in every process."""

    def __repr__(self) -> str:
        return "Odd()"


KEY = "sk-do-v1-SECRETSECRET"


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch):
    for name in (*KEY_VARIABLES, "DIGITALOCEAN_INFERENCE_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


# --- keys ---


@pytest.mark.parametrize(
    "given", [KEY, f" {KEY}\n", f"\t{KEY}\r\n", SecretStr(KEY), lambda: KEY, lambda: SecretStr(f"{KEY}\n")]
)
def test_a_key_may_be_given_in_many_ways(given):
    assert find_key(given).get_secret_value() == KEY


def test_the_environment_is_read_in_order(monkeypatch):
    for name in reversed(KEY_VARIABLES):
        monkeypatch.setenv(name, f"key-of-{name}")
        assert find_key(None).get_secret_value() == f"key-of-{name}"
    assert find_key("mine").get_secret_value() == "mine"


def test_an_empty_variable_is_passed_over(monkeypatch):
    monkeypatch.setenv(KEY_VARIABLES[0], "")
    monkeypatch.setenv(KEY_VARIABLES[1], KEY)
    assert find_key(None).get_secret_value() == KEY


def test_no_key_names_the_variable():
    with pytest.raises(
        ConfigError, match=r"no API key: pass api_key=, or set DIGITALOCEAN_INFERENCE_KEY \(also read: "
    ):
        find_key(None)


BAD_KEYS = [
    ("", "empty"),
    (" \n", "empty"),
    (f"{KEY}\r\nX-Evil: 1", f"position {len(KEY)} "),
    (f"sk\n{KEY}", "position 2 "),
    (f"sk\0{KEY}", "position 2 "),
    (f"sk {KEY}", "position 2 "),
    (f"sk\u201c{KEY}", "position 2 "),
    (f"\u00a0{KEY}", "position 0 "),
    (f"sk\x7f{KEY}", "position 2 "),
    (5, "int"),
    (b"bytes", "bytes"),
    ([KEY], "list"),
]


@pytest.mark.parametrize(("key", "detail"), BAD_KEYS, ids=[repr(row[1]) for row in BAD_KEYS])
def test_a_key_that_cannot_be_one_is_refused_without_being_shown(key, detail):
    with pytest.raises(ConfigError, match=detail) as caught:
        find_key(key)
    assert KEY not in str(caught.value)
    with pytest.raises(ConfigError, match=detail) as caught:
        find_key(lambda: key).get_secret_value()
    assert KEY not in str(caught.value)


def test_a_function_is_asked_each_time_and_its_last_key_is_masked():
    keys = iter(["sk-first", "sk-second"])
    secret = Secret(lambda: next(keys))
    assert secret.scrub("sk-first sk-second") == "sk-first sk-second"
    assert [secret.get_secret_value(), secret.get_secret_value()] == ["sk-first", "sk-second"]
    assert secret.scrub("sk-first sk-second") == "sk-first **********"


ECHOES = ['sk-a/b"c', 'SK-A/B"C', r"sk-a/b\"c", r'sk-a\/b"c', "sk-a%2Fb%22c", r'\u0073k-a/b"c']


@pytest.mark.parametrize("echo", ECHOES)
def test_a_key_is_masked_however_it_is_written(echo):
    assert Secret('sk-a/b"c').scrub(f"your key {echo} is wrong") == "your key ********** is wrong"


def test_a_word_for_no_key_is_not_looked_for():
    assert Secret("none").scrub("none of these") == "none of these"


def test_a_secret_shows_itself_nowhere():
    secret = Secret(KEY)
    config = Config.build(KEY)
    assert KEY not in f"{secret} {secret!r} {[secret]} {config} {config!r} {vars(config)}"
    assert secret.scrub(f"a {KEY} b") == "a ********** b"
    for copying in (pickle.dumps, copy.copy, copy.deepcopy):
        assert KEY not in repr(copying(secret))
    with pytest.raises(ConfigError, match="never pickled"):
        pickle.loads(pickle.dumps(secret)).get_secret_value()


# --- base URLs ---

GOOD_URLS = [
    (None, BASE_URL),
    ("", BASE_URL),
    ("https://inference.do-ai.run/v1", "https://inference.do-ai.run/v1"),
    ("https://inference.do-ai.run/v1/", "https://inference.do-ai.run/v1"),
    (" https://host.example/v1//\n", "https://host.example/v1"),
    ("HTTPS://host.example:8443", "https://host.example:8443"),
    ("http://localhost:8000/v1", "http://localhost:8000/v1"),
    ("http://127.0.0.1/v1", "http://127.0.0.1/v1"),
    ("http://127.9.9.9/v1", "http://127.9.9.9/v1"),
    ("http://[::1]:8000/v1", "http://[::1]:8000/v1"),
    ("https://10.0.0.1/v1", "https://10.0.0.1/v1"),
    ("https://a_b.example/v1", "https://a_b.example/v1"),
]


@pytest.mark.parametrize(("url", "checked"), GOOD_URLS)
def test_good_base_urls(url, checked):
    assert check_base_url(url) == checked


def test_the_base_url_of_the_environment(monkeypatch):
    monkeypatch.setenv("DIGITALOCEAN_INFERENCE_BASE_URL", "https://host.example/v1/")
    assert check_base_url(None) == "https://host.example/v1"
    assert check_base_url("https://other.example") == "https://other.example"


def test_a_host_outside_ascii_is_spelled_in_ascii_or_kept():
    assert check_base_url("https://bücher.example/v1") in {
        "https://bücher.example/v1",
        "https://xn--bcher-kva.example/v1",
    }


BAD_URLS = [
    ("http://inference.do-ai.run/v1", "would send the key in the clear"),
    ("http://10.0.0.1/v1", "would send the key in the clear"),
    ("http://0.0.0.0/v1", "would send the key in the clear"),
    ("http://127.0.0.1.evil.example/v1", "would send the key in the clear"),
    ("http://localhost.evil.example/v1", "would send the key in the clear"),
    ("https://user:hunter2@host/v1", "must not hold a user name or password"),
    ("https://user@host/v1", "must not hold a user name or password"),
    ("https://host/v1?a=1", "query or a fragment"),
    ("https://host/v1#a", "query or a fragment"),
    ("host/v1", "must start with https://"),
    ("//host/v1", "must start with https://"),
    ("file:///etc/passwd", "must start with https://"),
    ("ftp://host/v1", "must start with https://"),
    ("https://", "must start with https://"),
    ("https:///v1", "must start with https://"),
    (" ", "must start with https://"),
    ("https://[::1/v1", "is not a URL"),
    ("https://host:port/v1", "is not a URL"),
    ("https://host:99999/v1", "is not a URL"),
    (5, "must be a string, not int"),
    (b"https://host/v1", "must be a string, not bytes"),
    ("https://exa mple.com/v1", "base_url"),
    ("https://a\x01b/v1", "base_url"),
    ("https://\u2028/v1", "base_url"),
    ("https://%00/v1", "base_url"),
    ("https://ho\\st/v1", "base_url"),
    ("https://host/v1 x", "spaces or characters outside ASCII"),
    ("https://host/vé", "spaces or characters outside ASCII"),
]


@pytest.mark.parametrize(("url", "detail"), BAD_URLS)
def test_bad_base_urls(url, detail):
    with pytest.raises(ConfigError, match=detail) as caught:
        check_base_url(url)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_plain_http_may_be_allowed_for_a_private_network():
    assert check_base_url("http://10.0.0.1/v1", allow_http=True) == "http://10.0.0.1/v1"


def test_what_was_allowed_once_is_not_allowed_for_ever():
    check_base_url("http://10.0.0.2/v1", allow_http=True)
    with pytest.raises(ConfigError, match="in the clear"):
        check_base_url("http://10.0.0.2/v1")


@pytest.mark.parametrize("url", ["https://user:hunter2@host/v1", f"https://host/v1?key={KEY}", KEY])
def test_an_address_that_may_hold_a_secret_is_not_remembered(url):
    checked.cache_clear()
    with pytest.raises(ConfigError):
        check_base_url(url)
    assert checked.cache_info().currsize == 0


# --- headers ---


@pytest.mark.parametrize("headers", [None, {}, {"X-A": "b"}, {"X_A-1": "a\tb"}, {"X-A": ""}])
def test_good_headers(headers):
    checked = check_headers(headers, name="default_headers")
    assert {key.lower(): value for key, value in checked.items()} == {
        key.lower(): value for key, value in (headers or {}).items()
    }


def test_headers_are_copied():
    given = {"x-a": "1"}
    checked = check_headers(given, name="n")
    given["x-a"] = "2"
    assert checked["x-a"] == "1"


BAD_HEADERS = [
    ({"": "a"}, "is not a header name"),
    ({"a b": "a"}, "is not a header name"),
    ({"a:": "a"}, "is not a header name"),
    ({"a\n": "a"}, "is not a header name"),
    ({"ä": "a"}, "is not a header name"),
    ({5: "a"}, "is not a header name"),
    ({"Authorization": "Bearer x"}, "made from api_key"),
    ({"aUTHORIZATION": "Basic x"}, "made from api_key"),
    ({"X-A": "a\nb"}, "the value of 'X-A'"),
    ({"X-A": "a\rb"}, "the value of 'X-A'"),
    ({"X-A": "a\0b"}, "the value of 'X-A'"),
    ({"X-A": "a\x01b"}, "the value of 'X-A'"),
    ({"X-A": "a\x7fb"}, "the value of 'X-A'"),
    ({"X-A": "ä"}, "the value of 'X-A'"),
    ({"X-A": 5}, "the value of 'X-A'"),
    ({"X-A": None}, "the value of 'X-A'"),
    ([1], "default_headers"),
    ("x: y", "default_headers"),
]


@pytest.mark.parametrize(("headers", "detail"), BAD_HEADERS)
def test_bad_headers(headers, detail):
    with pytest.raises(ConfigError, match=detail):
        check_headers(headers, name="default_headers")


def test_blanks_around_a_value_mean_the_same_to_every_http_library():
    try:
        checked = check_headers({"x-a": " a "}, name="n")
    except ConfigError:
        return
    assert checked["x-a"] == "a"


# --- timeouts and retries ---


def test_a_number_is_the_patience_of_each_phase():
    timeout = Timeout.of(5)
    assert timeout == Timeout(connect=5, pool=5, write=5, first_token=5, idle=5, total=None)
    assert [timeout.of_phase(phase) for phase in ("connect", "total")] == [5, None]


def test_none_means_the_defaults_and_a_timeout_itself():
    assert Timeout.of(None) == Timeout()
    timeout = Timeout(total=3)
    assert Timeout.of(timeout) is timeout


BAD_WAITS = [0, -1, float("nan"), float("inf"), "5", True, b"5", Odd(), 1e10]


@pytest.mark.parametrize("value", BAD_WAITS, ids=repr)
def test_bad_timeouts(value):
    with pytest.raises(ConfigError, match="timeout"):
        Timeout.of(value)
    for name in ("connect", "pool", "write", "first_token", "idle", "total"):
        with pytest.raises(ConfigError, match=f"timeout: {name} must be a number of seconds"):
            Timeout(**{name: value})


def test_a_million_seconds_is_a_wait():
    assert Timeout(idle=1_000_000).idle == 1_000_000


@pytest.mark.parametrize("value", [0, 1, 10**6])
def test_good_retries(value):
    assert check_retries(value) == value


@pytest.mark.parametrize("value", [-1, 1.0, True, "2", None])
def test_bad_retries(value):
    with pytest.raises(ConfigError, match="max_retries must be a whole number from 0 up"):
        check_retries(value)


def test_everything_is_checked_when_the_settings_are_built():
    for bad in (
        {"base_url": "x"},
        {"timeout": -1},
        {"max_retries": -1},
        {"default_headers": {"": ""}},
        {"default_query": [1]},
    ):
        with pytest.raises(ConfigError):
            Config.build(KEY, **bad)
    with pytest.raises(ConfigError):
        Config.build("")


def test_the_user_agent_names_the_version():
    assert Config.build(KEY).user_agent == f"inference-do/{__version__}"


@pytest.mark.parametrize(
    "url",
    [
        "https://user:hunter2@exa mple.com/v1",
        "https://user:hunter2@[bad/v1",
        "https://h/v1?key=hunter2",
        "//u:hunter2@h",
    ],
)
def test_a_secret_in_a_url_is_not_repeated(url):
    with pytest.raises(ConfigError) as raised:
        check_base_url(url)
    assert "hunter2" not in str(raised.value)
