"""Any answer of `/responses`, cut into events in any way, is the answer that its whole body is, and goes back the same.

An answer is made by chance from reasoning of both families, messages, refusals, calls and server tools' calls. Its
events are cut at any place, have names or not, and lack some of what repeats the rest.
"""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from property_kit import examples
from responses_kit import MODEL, call, events, message, refusal, response, search, streamed, summarized, thought, whole

from inference_do._wires.responses import Responses

TEXT = st.text(max_size=12) | st.sampled_from(["", " ", "data: x\n\n", "[DONE]", '{"a"', "🎈é", "\ud83d"])
SOME = TEXT.filter(bool)
BLANKS = st.text(" \n", max_size=2)
ARGUMENTS = st.dictionaries(st.sampled_from("ab "), TEXT | st.integers(), max_size=2).map(json.dumps)
CITATION = st.builds(
    lambda at: {"type": "url_citation", "url": "u", "start_index": at, "end_index": at}, st.integers(0, 9)
)
ITEMS = st.one_of(
    st.builds(lambda texts, data: summarized(*texts, encrypted=data), st.lists(SOME, max_size=2), st.none() | SOME),
    st.builds(lambda texts: thought(*texts), st.lists(SOME, max_size=2)),
    st.builds(lambda text, found: message(text, annotations=found), SOME, st.lists(CITATION, max_size=2)),
    st.builds(lambda text: message(text, phase="commentary"), SOME),
    st.builds(refusal, SOME),
    st.builds(lambda a, before, after: call("", "f", before + a + after), ARGUMENTS, BLANKS, BLANKS),
    st.just(search()),
)
OUTPUT = st.lists(ITEMS, max_size=6)
DICE = st.randoms(use_true_random=False)
SKIP = st.sampled_from([(), ("delta",), ("added", "delta"), ("done",), ("delta", "done"), ("added", "delta", "done")])
FORM = st.fixed_dictionaries({"names": st.booleans(), "sort": st.booleans()})
END = st.sampled_from([("completed", None), ("incomplete", "max_output_tokens"), ("incomplete", "content_filter")])


def numbered(output):
    """Return items with ids of their own."""
    made = []
    for number, item in enumerate(output):
        named = {"call_id": f"call_{number}"} if item["type"] == "function_call" else {}
        made.append({**item, "id": f"{item['type'][:2]}_{number}", **named})
    return made


def is_lost_without_ends(item):
    """Return whether an item has something that its deltas do not bring."""
    return item["type"] == "web_search_call" or bool(item.get("encrypted_content")) or "phase" in item


@given(OUTPUT, DICE, FORM, SKIP, END)
@examples(300)
def test_any_events_are_the_whole_answer(output, dice, form, skip, end):
    status, reason = end
    body = response(*numbered(output), status=status, incomplete_details=reason and {"reason": reason})
    if "done" in skip and "delta" not in skip and any(map(is_lost_without_ends, output)):
        skip = ()

    def cut(text):
        places = sorted(dice.randrange(len(text) + 1) for _ in range(dice.randrange(4)))
        return [text[start:stop] for start, stop in zip([0, *places], [*places, len(text)], strict=True)]

    found = streamed(events(body, end=status, **form, skip=skip, cut=cut))
    expected = whole(body)
    assert found == expected

    def sent(completion):
        answer = completion["choices"][0]["message"]
        return Responses(MODEL).body({"model": MODEL, "messages": [{"role": "user", "content": "Hi"}, answer]})

    assert sent(found) == sent(expected)
