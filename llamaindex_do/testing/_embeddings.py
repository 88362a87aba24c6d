"""Embedding models: a vector for each text, in the order of the texts, one request a batch."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from llama_index.core.base.embeddings.base import BaseEmbedding

from inference_do.emulator import RawBody, Status

from ._asking import run
from ._kit import Kit, needs

__all__ = ["EmbeddingTests"]

TEXTS = [f"text number {number}" for number in range(7)]


class EmbeddingTests(Kit):
    """get_text_embedding and its relatives."""

    has_pickling: ClassVar[bool] = True
    """It can be sent to other processes."""
    has_retries: ClassVar[bool] = True
    """It takes `max_retries`."""
    has_secret: ClassVar[bool] = True
    """It is given a key, `server.api_key`, which must not be shown."""

    def make_embedding(self, server: Any, **settings: Any) -> BaseEmbedding:
        """Return the embedding model under test; every subclass says how.

        Args:
            server: The fixture; by default with `base_url` and `api_key`.
            **settings: LlamaIndex's own `embed_batch_size` and `callback_manager`, and `max_retries`.

        Raises:
            NotImplementedError: The class has no factory.
        """
        message = f"{type(self).__name__} needs a make_embedding(self, server, **settings)"
        raise NotImplementedError(message)

    def test_a_text_has_a_vector(self, server: Any) -> None:
        """The same in sync and async code, as text and as query."""
        model = self.make_embedding(server)
        vector = model.get_text_embedding("Paris")
        assert len(vector) > 1
        assert all(isinstance(number, float) for number in vector)
        assert vector == run(model.aget_text_embedding("Paris"))
        assert model.get_query_embedding("Paris") == run(model.aget_query_embedding("Paris"))

    @needs("over_http")
    def test_a_batch_is_one_request(self, server: Any) -> None:
        """In sync and async code."""
        model = self.make_embedding(server, embed_batch_size=3)
        one_by_one = [model.get_text_embedding(text) for text in TEXTS]
        server.reset()
        assert model.get_text_embedding_batch(TEXTS) == one_by_one
        assert server.posts == 3, f"7 texts in batches of 3 were {server.posts} requests"
        server.reset()
        assert run(model.aget_text_embedding_batch(TEXTS)) == one_by_one
        assert server.posts == 3, f"7 texts in batches of 3 were {server.posts} requests in async code"

    @needs("over_http")
    def test_vectors_are_put_in_order(self, server: Any) -> None:
        """Servers number them, and may send them in any order."""
        model = self.make_embedding(server, embed_batch_size=10)
        one_by_one = [model.get_text_embedding(text) for text in TEXTS]
        server.quirks = replace(server.quirks, shuffle_embeddings=True)
        assert model.get_text_embedding_batch(TEXTS) == one_by_one
        assert run(model.aget_text_embedding_batch(TEXTS)) == one_by_one

    @needs("over_http")
    def test_a_missing_vector_is_an_error(self, server: Any) -> None:
        """LlamaIndex would go on with the texts that have one."""
        model = self.make_embedding(server)
        server.script(RawBody(b'{"object":"list","data":[{"index":0,"embedding":[1.0,2.0]}]}'))
        with pytest.raises(Exception):  # noqa: B017, PT011  any will do
            model.get_text_embedding_batch(["one", "two"])

    @needs("over_http", "has_retries")
    def test_retries_are_as_many_as_were_asked_for(self, server: Any) -> None:
        """And a wrong key is not tried again."""
        model = self.make_embedding(server, max_retries=1)
        server.always = Status(503, headers={"retry-after": "0"})
        with pytest.raises(Exception, match="503"):
            model.get_text_embedding("Paris")
        assert server.posts == 2
        server.always = Status(401)
        with pytest.raises(Exception, match="401"):
            model.get_text_embedding("Paris")
        assert server.posts == 3

    @needs("over_http", "has_secret")
    def test_the_key_is_not_written_down(self, server: Any) -> None:
        """Not printed, not stored, not in what observers get."""
        model = self.make_embedding(server)
        written = repr(model) + json.dumps(model.to_dict(), default=str) + repr(model.to_payload())
        assert server.api_key not in written

    def test_it_has_a_name_of_its_own(self, server: Any) -> None:
        """Stored objects are found again by `class_name()`."""
        assert self.make_embedding(server).class_name() not in {"base_component", "", "BaseEmbedding"}

    @needs("has_pickling")
    def test_it_can_be_pickled(self, server: Any) -> None:
        """IngestionPipeline(num_workers=2) sends it to other processes, also after it was used."""
        model = self.make_embedding(server)
        vector = model.get_text_embedding("Paris")
        again = pickle.loads(pickle.dumps(model))  # noqa: S301  our own
        assert again.model_name == model.model_name
        assert model.get_text_embedding("Paris") == vector
