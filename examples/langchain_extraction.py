"""Structured extraction with LangChain: a text becomes an object that pydantic has checked."""

from __future__ import annotations

from _place import place
from pydantic import BaseModel, Field

from langchain_do import ChatDigitalOcean

TEXT = "Order 4711 was placed by Ada Lovelace from London: 3 keyboards for 120 euros."


class Order(BaseModel):
    """An order that a text describes."""

    number: int = Field(description="The order's number")
    customer: str = Field(description="The customer's full name")
    quantity: int = Field(description="How many were bought")


def main() -> None:
    """Extract an order from a sentence, by each of the ways that models offer."""
    with place() as here:
        model = ChatDigitalOcean(model=here.model, temperature=0, max_tokens=300, **here.connection)
        for method in ("function_calling", "json_schema"):
            order = model.with_structured_output(Order, method=method).invoke(f"Extract the order: {TEXT}")
            print(f"{method}: {order!r}")


if __name__ == "__main__":
    main()
