"""Recorded answers with damaged bytes: what comes out is what the bytes say, or an error of ours, and nothing is cut.

Streams, whole replies and error replies are recorded from the emulator, damaged by chance, and read three ways: plainly
(`mutation_kit`), through the protocol without sockets, and over HTTP by both clients. `PROPERTY_SCALE` multiplies the
mutants, `PROPERTY_SEED` chooses others, `-rP` shows the counts:

    PROPERTY_SCALE=100 PROPERTY_SEED=7 scripts/test tests/property/test_mutation_fuzz.py --timeout 3600 -rP
"""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from flow_kit import JSON, SSE, Head, Played, ask, new_call, play, stream
from mutation_kit import (
    CHAT,
    DAMAGE,
    HELLO,
    RECORDINGS,
    Reading,
    comment,
    damaged,
    other_line_ends,
    plainly,
    plainly_whole,
    reading_of,
    record,
)
from property_kit import dice, pieces, scaled, spelled

from inference_do import APIStatusError, APITimeoutError, AsyncClient, Client, InferenceError, Timeout
from inference_do._protocol.flow import call_flow
from inference_do._wires.chat_completions import read_completion
from inference_do.accumulate import Accumulator
from inference_do.emulator import Emulator, Raw, RawBody, RawStream

if TYPE_CHECKING:
    from random import Random

ASK: dict[str, Any] = {"model": CHAT, "messages": HELLO}
BY_HAND = scaled(150)
BY_HTTP = scaled(24)
recorded = cache(record)


def count(what: str, outcomes: Counter[str]) -> None:
    """Show what a fuzz came to; it came to nothing if all its mutants had one end."""
    shown = ", ".join(f"{outcome} {times:,}" for outcome, times in outcomes.most_common())
    print(f"{what}: {outcomes.total():,} mutants: {shown}")
    assert len(outcomes) > 1


def same_facts(ours: Reading, plain: Reading, mutant: bytes) -> None:
    assert ours.facts()[:3] == plain.facts()[:3], mutant
    if isinstance(plain.usage, dict) and ours.usage is not None:  # one that cannot be read costs no answer
        for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
            if isinstance(count := plain.usage.get(name), int | None):
                assert getattr(ours.usage, name) == (count or 0), mutant


# --- through the protocol, without sockets ---


def is_stream(mutant: bytes) -> bool:
    """Return whether a body does not begin as JSON or HTML do: such a body is refused, whatever lines follow."""
    return mutant.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] not in {b"{", b"[", b"<"}


def played(mutant: bytes, parts: list[bytes]) -> tuple[Played, Accumulator]:
    accumulator = Accumulator()
    result = stream(new_call(retries=0), SSE, *[part for part in parts if part], b"", b"", accumulator=accumulator)
    return result, accumulator


def outcome_of_mutant(mutant: bytes, original: bytes, chance: Random) -> str:
    """Hold what the protocol makes of a mutant against the plain reading; return what came of it."""
    result, accumulator = played(mutant, [mutant])
    again, other = played(mutant, pieces(mutant, chance.choice([1, 7, 64, 1000])))
    assert (result.outcome, result.text) == (again.outcome, again.text), mutant
    assert reading_of(accumulator.completion()).facts()[:3] == reading_of(other.completion()).facts()[:3], mutant
    plain = plainly(mutant)
    if result.error is None:
        assert not plain.broken, mutant
        assert plain.ended, mutant
        same_facts(reading_of(accumulator.completion()), plain, mutant)
        return "as before" if spelled(mutant) == spelled(original) else "as spelled"
    assert isinstance(result.error, InferenceError)
    assert result.error.__cause__ is None
    if spelled(mutant) == spelled(original):
        assert not is_stream(mutant), mutant
    check_partial(result.error, plain, mutant)
    if plain.broken:
        return "broken, and said so"
    return "cut, and said so" if not plain.ended else f"refused ({type(result.error).__name__})"


def check_partial(error: InferenceError, plain: Reading, mutant: bytes) -> None:
    """What a stream had delivered before it failed is in `partial`, no less and no more."""
    if error.partial is None:
        return
    seen = reading_of(error.partial)
    for place, text in seen.texts.items():
        assert plain.texts.get(place, "").startswith(text), mutant
    if plain.broken or not plain.ended:
        assert sum(map(len, seen.texts.values())) <= sum(map(len, plain.texts.values()))


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_damaged_stream_is_read_as_it_is_spelled_or_refused(name):
    original, chance = recorded(name, stream=True), dice(name)
    assert outcome_of_mutant(original, original, chance) == "as before"
    outcomes = Counter(outcome_of_mutant(damaged(original, chance), original, chance) for _ in range(BY_HAND))
    count(name, outcomes)
    assert outcomes["broken, and said so"] > outcomes.total() / 10
    assert outcomes["as before"] + outcomes["as spelled"] > outcomes.total() / 10


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_stream_cut_at_any_byte_is_whole_or_says_that_it_is_not(name):
    original, chance = recorded(name, stream=True), dice(name)
    step = max(1, len(original) // scaled(160))
    ends = {*range(1, len(original), step), *range(len(original) - 20, len(original))}
    outcomes = Counter(outcome_of_mutant(original[:end], original, chance) for end in sorted(ends))
    count(name, outcomes)
    assert outcomes["cut, and said so"] > outcomes.total() / 2


@pytest.mark.parametrize("name", RECORDINGS)
def test_what_means_nothing_changes_nothing(name):
    original, chance = recorded(name, stream=True), dice(name)
    done = original.rindex(b"[DONE]")
    for _ in range(scaled(30)):
        mutant = chance.choice([comment, other_line_ends])(original[:done], chance) + original[done:]
        if spelled(mutant) == spelled(original):
            assert outcome_of_mutant(mutant, original, chance) == "as before"


def outcome_of_whole_mutant(mutant: bytes) -> str:
    call = new_call(retries=0)
    result = play(call_flow(call, read_completion), call, JSON, *([mutant] if mutant else []), b"")
    plain = plainly_whole(mutant)
    if result.error is None:
        assert not plain.broken, mutant
        same_facts(reading_of(result.results[0]), plain, mutant)
        return "as spelled"
    assert isinstance(result.error, InferenceError)
    assert result.error.__cause__ is None
    assert len(str(result.error)) < 800
    return "broken, and said so" if plain.broken else f"refused ({type(result.error).__name__})"


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_damaged_response_is_read_as_it_is_spelled_or_refused(name):
    original, chance = recorded(name, stream=False), dice(name)
    assert outcome_of_whole_mutant(original) == "as spelled"
    outcomes = Counter(outcome_of_whole_mutant(damaged(original, chance)) for _ in range(BY_HAND))
    count(name, outcomes)
    assert min(outcomes["as spelled"], outcomes["broken, and said so"]) > outcomes.total() / 10


ERRORS: dict[int, bytes] = {
    400: b'{"error":{"message":"maximum context length is 10 tokens","type":"invalid_request_error","code":"c"}}',
    401: b'{"id":"Unauthorized","message":"Unable to authenticate you"}',
    422: b'{"detail":[{"loc":["body","messages",0],"msg":"field required","type":"missing"}]}',
    429: b'{"error":{"message":"Rate limit exceeded","type":"rate_limit_error"},"status_code":429}',
    503: b'{"object":"error","message":"overloaded","type":"server","code":503}',
    502: b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>",
}


@pytest.mark.parametrize("status", ERRORS)
def test_a_damaged_error_is_an_error_of_its_status(status):
    chance, kinds = dice(str(status)), Counter[str]()
    for _ in range(BY_HAND // 2):
        mutant = damaged(ERRORS[status], chance)
        result = ask(new_call(retries=0), Head(status, {}), *([mutant] if mutant else []), b"")
        assert isinstance(result.error, APIStatusError), mutant
        assert result.error.status == status
        assert len(str(result.error)) < 900
        kinds[type(result.error).__name__] += 1
    print(f"{status}: {kinds.total():,} mutants: {dict(kinds)}")


# --- over HTTP ---


def end_of(result: Any) -> tuple[Any, ...]:
    """Return how a call ended, in terms that both clients have to agree on."""
    if not isinstance(result, InferenceError):
        facts = reading_of(result)
        return "ok", facts.texts, facts.arguments, facts.finish
    partial = reading_of(result.partial).texts if result.partial else None
    return type(result).__name__, result.message, result.attempts, partial


def both(emu: Emulator, faults: list[Any], *, streamed: bool) -> list[tuple[tuple[Any, ...], tuple[Any, ...]]]:
    """Give every fault to both clients, each over a connection of its own; return how each took it."""
    patience = Timeout(connect=5, first_token=5, idle=5)
    settings: dict[str, Any] = {"base_url": emu.base_url, "max_retries": 0, "timeout": patience}

    async def in_a_loop(fault: Any) -> tuple[Any, ...]:
        emu.script(fault)
        async with AsyncClient(emu.api_key, **settings) as client:
            try:
                return end_of(await (client.stream(**ASK).completion() if streamed else client.chat(**ASK)))
            except InferenceError as error:
                return end_of(error)

    async def all_in_a_loop() -> list[tuple[Any, ...]]:
        return [await in_a_loop(fault) for fault in faults]

    def in_a_thread(fault: Any) -> tuple[Any, ...]:
        emu.script(fault)
        with Client(emu.api_key, **settings) as client:
            try:
                return end_of(client.stream(**ASK).completion() if streamed else client.chat(**ASK))
            except InferenceError as error:
                return end_of(error)

    ends = list(zip(map(in_a_thread, faults), asyncio.run(all_in_a_loop()), strict=True))
    assert emu.posts >= 2 * len(faults)
    assert not emu.faults, "each mutant was served twice"
    return ends


@pytest.mark.parametrize("name", RECORDINGS)
def test_both_clients_read_a_damaged_stream_as_the_protocol_does(emu, name):
    original, chance = recorded(name, stream=True), dice(f"{name} http")
    mutants = [damaged(original, chance) for _ in range(BY_HTTP)]
    faults = [
        RawStream([part for part in pieces(mutant, chance.choice([50, 700, 9999])) if part]) for mutant in mutants
    ]
    outcomes: Counter[str] = Counter()
    for mutant, (sync, looped) in zip(mutants, both(emu, faults, streamed=True), strict=True):
        assert sync == looped, mutant
        result, accumulator = played(mutant, [mutant])
        assert sync == end_of(result.error or accumulator.completion()), mutant
        assert sync[0] != APITimeoutError.__name__
        outcomes[sync[0]] += 1
    count(name, outcomes)


@pytest.mark.parametrize("name", ["text", "tools"])
def test_both_clients_read_a_damaged_response_alike(emu, name):
    original, chance = recorded(name, stream=False), dice(f"{name} http")
    mutants = [damaged(original, chance) for _ in range(BY_HTTP)]
    outcomes: Counter[str] = Counter()
    for mutant, (sync, looped) in zip(mutants, both(emu, [RawBody(m) for m in mutants], streamed=False), strict=True):
        assert sync == looped, mutant
        assert (sync[0] == "ok") <= (not plainly_whole(mutant).broken), mutant
        outcomes[sync[0]] += 1
    count(name, outcomes)


def raw_response(name: str, *, streamed: bool) -> bytes:
    """Spell a response with its head; the body's end is its length's, a last chunk's, or the connection's."""
    body = recorded(name, stream=streamed)
    head = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\nx-request-id: r-1\r\n" % (
        b"text/event-stream" if streamed else b"application/json"
    )
    if streamed:
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in pieces(body, 300))
        return head + b"transfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    return head + b"content-length: %d\r\n\r\n" % len(body) + body


@pytest.mark.parametrize("streamed", [True, False])
def test_damage_to_the_head_and_the_framing_ends_in_an_answer_or_an_error_of_ours(emu, streamed):
    """Two HTTP libraries may read broken HTTP differently; neither's exception passes, and nobody waits."""
    original, chance = raw_response("text", streamed=streamed), dice(f"head {streamed}")
    whole = end_of(undamaged_answer(emu, original, streamed=streamed))
    head, body = original[: original.index(b"\r\n\r\n") + 4], original[original.index(b"\r\n\r\n") + 4 :]
    heads = [damaged(head, chance) + body for _ in range(2 * BY_HTTP)]
    mutants = [*heads, *(damaged(original, chance) for _ in heads)]
    outcomes: Counter[str] = Counter()
    for mutant, ends in zip(mutants, both(emu, [Raw(mutant) for mutant in mutants], streamed=streamed), strict=True):
        for end in ends:
            assert end[0] != APITimeoutError.__name__, mutant
            assert end[0] != "ok" or end == whole or mutant not in heads, mutant
            outcomes[end[0]] += 1
    count(f"heads and framing, streamed={streamed}", outcomes)


def undamaged_answer(emu: Emulator, original: bytes, *, streamed: bool) -> Any:
    emu.script(Raw(original))
    with Client(emu.api_key, base_url=emu.base_url) as client:
        return client.stream(**ASK).completion() if streamed else client.chat(**ASK)


def test_the_kinds_of_damage_do_damage():
    original, chance = recorded("text", stream=True), dice("damage")
    for damage in DAMAGE:
        assert any(damage(original, chance) != original for _ in range(20)), damage.__name__
