"""The model's answers: tool calls and text that follow from the request alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from emulator_kit import tool, user

if TYPE_CHECKING:
    from emulator_kit import Asker

INTEGER, TEXT = {"type": "integer"}, {"type": "string"}
WEATHER = tool("get_weather", "Get the weather at a location.", location=TEXT)
MAGIC = tool("magic_function", "Apply a magic function to an input.", input={**INTEGER, "exclusiveMinimum": -1000})
NO_ARGS = tool("magic_function_no_args", "Calculate a magic function.")
ADDER = tool(
    "my_adder_tool",
    "Tool that adds two integers. Takes two integers, a and b, and returns their sum.",
    a=INTEGER,
    b=INTEGER,
)
ADD = tool("add", "add(a: int, b: int) -> int\nAdd two numbers.", a=INTEGER, b=INTEGER)
MULTIPLY = tool("multiply", "multiply(a: int, b: int) -> int\nMultiply two numbers.", a=INTEGER, b=INTEGER)
GREETING = tool("greeting_generator", "Generate a greeting in a particular style of speaking.", answer_style=TEXT)
CUSTOMER = tool(
    "unicode_customer", "Tool for creating a customer with Unicode name.", customer_name=TEXT, description=TEXT
)
JOKE = tool("Joke", "Joke to tell user.", setup=TEXT, punchline={"anyOf": [TEXT, {"type": "null"}]})


def turn(prompt: str, *steps: tuple[str, Any, str]) -> list[dict[str, Any]]:
    """A conversation in which these calls were made and answered, one turn each."""
    messages = [user(prompt)]
    for number, (name, arguments, result) in enumerate(steps):
        function = {"name": name, "arguments": json.dumps(arguments)}
        call = {"id": f"c{number}", "type": "function", "function": function}
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": f"c{number}", "content": result})
    return messages


class TestToolCalls:
    @pytest.mark.parametrize(
        ("prompt", "tools", "expected"),
        [
            ("What is the value of magic_function(3)? Use the tool.", [MAGIC], [("magic_function", {"input": 3})]),
            (
                "What is the value of magic_function_no_args()? Use the tool.",
                [NO_ARGS],
                [("magic_function_no_args", {})],
            ),
            (
                "Using the tool, generate a Pirate greeting.",
                [GREETING],
                [("greeting_generator", {"answer_style": "Pirate"})],
            ),
            (
                "What is the weather in San Francisco, CA?",
                [WEATHER],
                [("get_weather", {"location": "San Francisco, CA"})],
            ),
            ("whats the weather in tokyo?", [WEATHER, ADD], [("get_weather", {"location": "tokyo"})]),
            (
                "What is the weather in Paris, Oslo and New York?",
                [WEATHER],
                [("get_weather", {"location": place}) for place in ("Paris", "Oslo", "New York")],
            ),
            ("What is 1 + 2", [ADDER], [("my_adder_tool", {"a": 1, "b": 2})]),
            ("Multiply 6 by seven", [ADD, MULTIPLY], [("multiply", {"a": 6, "b": 7})]),
            ("Add 2 and 3, then multiply the result by 4.", [ADD, MULTIPLY], [("add", {"a": 2, "b": 3})]),
            (
                "Add 2 and 3, and multiply 4 by 5",
                [ADD, MULTIPLY],
                [("add", {"a": 2, "b": 3}), ("multiply", {"a": 4, "b": 5})],
            ),
            (
                "Multiply 4 by 5 and add 2 and 3",
                [ADD, MULTIPLY],
                [("multiply", {"a": 4, "b": 5}), ("add", {"a": 2, "b": 3})],
            ),
            ("Hello!", [MAGIC, WEATHER], []),
            ("Tell me a joke about cats.", [WEATHER], []),
        ],
    )
    def test_auto(self, ask: Asker, prompt: str, tools: Any, expected: Any) -> None:
        assert ask.calls(prompt, tools) == expected

    @pytest.mark.parametrize("name", ["你好啊集团", "こんにちは株式会社"])
    def test_unicode(self, ask: Asker, name: str) -> None:
        prompt = f"Create a customer named '{name}' (Hello Group) - a technology company"
        ((called, arguments),) = ask.calls(prompt, [CUSTOMER], tool_choice="required")
        assert called == "unicode_customer"
        assert arguments["customer_name"] == name
        assert isinstance(arguments["description"], str)

    def test_required_and_named_must_call(self, ask: Asker) -> None:
        assert len(ask.calls("Hello!", [MAGIC, WEATHER], tool_choice="required")) == 1
        for name in ("magic_function", "get_weather"):
            choice = {"type": "function", "function": {"name": name}}
            ((called, _),) = ask.calls("Hello!", [MAGIC, WEATHER], tool_choice=choice)
            assert called == name

    def test_none_must_not_call(self, ask: Asker) -> None:
        message = ask.message("What is the weather in Paris?", tools=[WEATHER], tool_choice="none")
        assert "tool_calls" not in message
        assert message["content"]

    def test_one_at_a_time_without_parallel_calls(self, ask: Asker) -> None:
        prompt = "What is the weather in Paris and London?"
        assert ask.calls(prompt, [WEATHER], parallel_tool_calls=False) == [("get_weather", {"location": "Paris"})]
        messages = turn(prompt, ("get_weather", {"location": "Paris"}, "sunny"))
        assert ask.calls(messages, [WEATHER], parallel_tool_calls=False) == [("get_weather", {"location": "London"})]

    def test_after_a_result_it_answers_in_text(self, ask: Asker) -> None:
        messages = turn("What is 1 + 2", ("my_adder_tool", {"a": 1, "b": 2}, '{"result": 3}'))
        assert ask.says(messages, tools=[ADDER]) == 'The answer is: {"result": 3}'
        failed = turn("What is 1 + 2", ("my_adder_tool", {"a": 1}, "Error: Missing required argument 'b'."))
        assert "Missing required argument" in ask.says(failed, tools=[ADDER])

    def test_steps_use_earlier_results(self, ask: Asker) -> None:
        prompt = "Add 2 and 3, then multiply the result by 4."
        messages = turn(prompt, ("add", {"a": 2, "b": 3}, "5"))
        assert ask.calls(messages, [ADD, MULTIPLY]) == [("multiply", {"a": 5, "b": 4})]
        messages = turn(prompt, ("add", {"a": 2, "b": 3}, "5"), ("multiply", {"a": 5, "b": 4}, "20"))
        assert ask.says(messages, tools=[ADD, MULTIPLY]).endswith("20")

    def test_arithmetic_is_done_in_its_order(self, ask: Asker) -> None:
        prompt = "What is (121 + 2) * 5?"
        assert ask.calls(prompt, [ADD, MULTIPLY]) == [("add", {"a": 121, "b": 2})]
        messages = turn(prompt, ("add", {"a": 121, "b": 2}, "123"))
        assert ask.calls(messages, [ADD, MULTIPLY]) == [("multiply", {"a": 123, "b": 5})]
        messages = turn(prompt, ("add", {"a": 121, "b": 2}, "123"), ("multiply", {"a": 123, "b": 5}, "615"))
        assert "615" in ask.says(messages, tools=[ADD, MULTIPLY])

    def test_few_shot_examples_do_not_count_as_done(self, ask: Asker) -> None:
        shots = turn("What is 1 + 2", ("my_adder_tool", {"a": 1, "b": 2}, "3"))
        messages = [*shots, {"role": "assistant", "content": "3"}, user("What is 3 + 4")]
        assert ask.calls(messages, [ADDER], tool_choice="required") == [("my_adder_tool", {"a": 3, "b": 4})]

    def test_ids_differ_between_turns(self, ask: Asker) -> None:
        prompt = "What is the weather in Paris and London?"
        first = [call["id"] for call in ask.message(prompt, tools=[WEATHER])["tool_calls"]]
        messages = turn(prompt, ("get_weather", {"location": "Paris"}, "sunny"))
        second = [call["id"] for call in ask.message(messages, tools=[WEATHER])["tool_calls"]]
        assert len({*first, *second}) == 3

    def test_an_image_result_is_named(self, ask: Asker) -> None:
        messages = turn("get a random diagram using the tool", ("random_image", {}, ""))
        messages[-1]["content"] = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}]
        assert "an image" in ask.says(messages, tools=[tool("random_image", "Return a random image.")])


class TestJson:
    @pytest.mark.parametrize("form", ["json_schema", "json_object"])
    def test_response_format(self, ask: Asker, form: str) -> None:
        prompt = (
            "Tell me a joke about cats. Return the result as a JSON with 'setup' and 'punchline' keys. "
            "Return nothing other than JSON."
        )
        spec = {"name": "Joke", "schema": JOKE["function"]["parameters"]}
        fmt = {"type": form, "json_schema": spec} if form == "json_schema" else {"type": form}
        joke = json.loads(ask.says(prompt, response_format=fmt))
        assert set(joke) == {"setup", "punchline"}
        assert isinstance(joke["setup"], str)

    def test_structured_output_by_a_tool(self, ask: Asker) -> None:
        for prompt in ("Tell me a joke about cats.", "Give me the setup to a joke about cats, no punchline."):
            ((name, joke),) = ask.calls(prompt, [JOKE], tool_choice={"type": "function", "function": {"name": "Joke"}})
            assert name == "Joke"
            assert isinstance(joke["setup"], str)

    def test_values_come_from_the_prompt(self, ask: Asker) -> None:
        schema = {
            "type": "object",
            "properties": {
                "name": TEXT,
                "age": INTEGER,
                "city": TEXT,
                "mood": {"enum": ["happy", "sad"]},
                "nickname": {"anyOf": [TEXT, {"type": "null"}]},
            },
            "required": ["name", "age", "city", "mood", "nickname"],
        }
        spec = {"type": "json_schema", "json_schema": {"name": "P", "schema": schema}}
        text = ask.says("The name is Ada Lovelace, age 36, city: London. She is sad.", response_format=spec)
        person = json.loads(text)
        assert (person["name"], person["age"], person["city"], person["mood"]) == ("Ada Lovelace", 36, "London", "sad")


class TestText:
    def test_the_echo_names_what_arrived(self, ask: Asker) -> None:
        parts = [
            {"type": "text", "text": "Look at"},
            {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,aGk="}},
            {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "mp3"}},
        ]
        assert ask.says([user(parts)]) == "You said: Look at You sent an image and a file and a sound recording."
        assert ask.says("") == "You said nothing."
        assert ask.says("x" * 1000).endswith("…")

    def test_the_same_request_has_the_same_answer(self, ask: Asker) -> None:
        assert ask.says("What?", seed=1, temperature=2) == ask.says("What?", seed=2)

    def test_it_reads_the_history(self, ask: Asker) -> None:
        history = [
            user("My name is Bob. I live in Oslo."),
            {"role": "assistant", "content": "Hello!"},
            user("My sister is called Eve."),
            {"role": "assistant", "content": "Nice."},
        ]
        assert ask.says([*history, user("What is my name?")]) == "My name is Bob."
        assert ask.says([*history, user("Where do I live?")]) == "I live in Oslo."
        assert ask.says([*history[2:], user("Where do I live?")]).startswith("You said")

    @pytest.mark.parametrize(
        "prompt",
        [
            "Context: {c}\n\nQuestion: {q}",
            "Use the context to answer.\nQuestion: {q} \nContext: {c} \nAnswer:",
            "Answer from this:\n<context>\n{c}\n</context>\n\nQuestion: {q}",
        ],
    )
    def test_it_reads_a_context(self, ask: Asker, prompt: str) -> None:
        context = "Droplets are virtual machines. Spaces is an object store with 250 GiB. A VPC is a private network."
        assert (
            ask.says(prompt.format(c=context, q="How many GiB does Spaces have?"))
            == "Spaces is an object store with 250 GiB."
        )
        assert ask.says(prompt.format(c=context, q="Who wrote Hamlet?")).startswith("I don't know")

    def test_it_reads_the_system_message(self, ask: Asker) -> None:
        system = {"role": "system", "content": "You are kind. The warehouse opens at nine. Parking is free."}
        assert ask.says([system, user("When does the warehouse open?")]) == "The warehouse opens at nine."
