"""Structured extraction with LlamaIndex: a text becomes an object that pydantic has checked."""

from __future__ import annotations

from _place import place
from llama_index.core.prompts import PromptTemplate
from pydantic import BaseModel, Field

from llamaindex_do import DigitalOcean

TEXT = "Order 4711 was placed by Ada Lovelace from London: 3 keyboards for 120 euros."


class Order(BaseModel):
    """An order that a text describes."""

    number: int = Field(description="The order's number")
    customer: str = Field(description="The customer's full name")
    quantity: int = Field(description="How many were bought")


def main() -> None:
    """Extract an order from a sentence, whole and as it is made."""
    with place() as here:
        llm = DigitalOcean(model=here.model, temperature=0, max_tokens=300, **here.connection)
        prompt = PromptTemplate("Extract the order: {text}")
        print("whole:   ", repr(llm.structured_predict(Order, prompt, text=TEXT)))
        for order in llm.stream_structured_predict(Order, prompt, text=TEXT):
            print("streamed:", repr(order))


if __name__ == "__main__":
    main()
