"""Used before, in children and in their parent: forked and spawned processes have connections of their own."""

from __future__ import annotations

import pytest
from interfaces import ANSWER, KEY


@pytest.mark.parametrize("name", ["client", "langchain", "llamaindex"])
def test_forked_children_leave_their_parents_connections_alone(zygote, server, name):
    """Two children each use, stream, use in a loop, and close what they inherited; then their parent reads on."""
    answers = zygote.run("forked", server.base_url, name)
    counts = server.counts()
    assert answers == {"children": [0, 0], "parent": [ANSWER] * 5}
    assert counts.posts == 4 + 2 * 4 + 2
    parents = {*counts.used[:4], *counts.used[-2:]}
    assert len(parents) == 2  # one of the thread, one of the loop
    assert not parents & {*counts.used[4:-2]}
    assert counts.disconnects == 0


def test_a_fork_inside_a_running_loop(zygote, server):
    assert zygote.run("forked_inside_a_loop", server.base_url) == {"child": 0, "parent": [ANSWER] * 6}
    counts = server.counts()
    assert (counts.posts, counts.connections, counts.disconnects) == (9, 6, 0)


@pytest.mark.parametrize(
    "names",
    [["langchain"], pytest.param(["langchain", "llamaindex"], marks=pytest.mark.long)],
    ids=" and ".join,
)
def test_spawned_children_get_a_pickled_model(zygote, server, names):
    """Without its key, which they read from their environment."""
    answers = zygote.run("spawned", server.base_url, names, DIGITALOCEAN_INFERENCE_KEY=KEY)
    counts = server.counts()
    assert answers == [[ANSWER, ANSWER]] * len(names)
    assert (counts.posts, len(set(counts.used))) == (4 * len(names), 3 * len(names))
