"""Knowledge bases, over HTTP."""

from __future__ import annotations

import pytest
from client_kit import caught

from inference_do import ConfigError, KnowledgeBase, NotFoundError, ProtocolError
from inference_do.emulator import Emulator, RawBody, Status

DOCUMENTS = [
    {"text_content": "A droplet is a virtual machine.", "metadata": {"page": 1, "tags": ["compute"]}},
    {"text_content": "A droplet has a region.", "metadata": {"page": 2, "tags": ["compute", "place"]}},
    {"text_content": "Spaces keep objects.", "metadata": {"page": 3}},
]


@pytest.fixture
def emu():
    with Emulator(knowledge={"kb/1": DOCUMENTS}) as emulator:
        yield emulator


def base(emu: Emulator, id_: str = "kb/1", **options: object) -> KnowledgeBase:
    return KnowledgeBase(id_, api_key=emu.api_key, base_url=emu.base_url, **options)  # type: ignore[arg-type]


async def test_the_best_pieces_come_first(emu):
    emu._api.knowledge["a"] = emu._api.knowledge.pop("kb/1")
    with base(emu, "a") as one:
        found = one.retrieve("What kind of machine is a droplet?", num_results=2, alpha=0.5)
    assert [item.text for item in found] == ["A droplet is a virtual machine.", "A droplet has a region."]
    assert found[0].metadata == {"page": 1, "tags": ["compute"]}
    sent = emu.requests[-1]
    assert (sent.path, sent.json["num_results"], sent.json["alpha"]) == ("/v1/a/retrieve", 2, 0.5)
    async with base(emu, "a") as other:
        assert await other.aretrieve("What kind of machine is a droplet?", num_results=2, alpha=0.5) == found
    assert emu.requests[-1].json == sent.json


def test_ten_pieces_unless_told_otherwise(emu):
    caught(lambda: base(emu, "a").retrieve("x"))
    assert emu.requests[-1].json == {"query": "x", "num_results": 10}


def condition(field: str, operator: str, value: object) -> dict[str, object]:
    return {"field": field, "operator": operator, "value": value}


@pytest.mark.parametrize(
    ("filters", "pages"),
    [
        ({"must": [condition("page", "eq", 2)]}, [2]),
        ({"must": [condition("page", "gt", 1), condition("page", "lte", 3)]}, [2, 3]),
        ({"must_not": [condition("page", "in", [1, 2])]}, [3]),
        ({"should": [condition("tags", "contains", "place"), condition("page", "eq", 3)]}, [2, 3]),
        ({"must": [condition("page", "not_in", [3])], "must_not": [condition("page", "ne", 1)]}, [1]),
        ({"must": [condition("page", "gte", 3)]}, [3]),
        ({"must": [condition("page", "lt", 2)]}, [1]),
        ({"must": [condition("nothing", "lt", 2)]}, []),
        ({}, [1, 2, 3]),
    ],
    ids=str,
)
def test_filters(emu, filters, pages):
    emu._api.knowledge["a"] = emu._api.knowledge.pop("kb/1")
    found = base(emu, "a").retrieve("droplet", filters=filters)
    assert sorted(item.metadata["page"] for item in found) == pages


@pytest.mark.parametrize(
    ("options", "detail"),
    [
        ({"num_results": 0}, "num_results must be a whole number above 0, not 0"),
        ({"num_results": True}, "num_results must be"),
        ({"filters": {"musst": []}}, "filters takes lists under must, should and must_not, not 'musst'"),
        ({"filters": {"must": {}}}, "filters takes lists"),
        ({"filters": {"must": [{"operator": "eq"}]}}, "a condition needs a field"),
        ({"filters": {"must": [condition("a", "like", 1)]}}, "operator must be one of contains, eq, gt, "),
        ({"filters": []}, "filters must be a mapping"),
        ({"top_k": 3}, "takes no 'top_k'"),
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_refused_before_sending(emu, options, detail):
    error = caught(lambda: base(emu).retrieve("x", **options))
    assert type(error) is ConfigError
    assert detail in str(error)
    assert isinstance(caught(lambda: base(emu).retrieve(" ")), ConfigError)
    assert emu.posts == 0


@pytest.mark.parametrize("id_", ["", "  ", None, 5])
def test_a_base_needs_an_id(id_):
    with pytest.raises(ConfigError, match="id must be a knowledge base's id"):
        KnowledgeBase(id_, api_key="k")


def test_failures_are_the_clients_own(emu):
    assert type(caught(lambda: base(emu, "none").retrieve("x"))) is NotFoundError
    emu.script(Status(503, headers={"retry-after": "0"}), RawBody(b'{"results": 5}'))
    assert type(caught(lambda: base(emu, "none").retrieve("x"))) is ProtocolError
    assert emu.posts == 3
    assert caught(lambda: base(emu, "a/../b?c").retrieve("x")).status == 404
    assert emu.requests[-1].path == "/v1/a%2F..%2Fb%3Fc/retrieve"


def test_it_shows_no_key():
    assert repr(KnowledgeBase("a", api_key="secret-key")) == "KnowledgeBase('a')"
    assert KnowledgeBase("a", api_key="k")._clients.sync.base_url == "https://kbaas.do-ai.run/v1"
