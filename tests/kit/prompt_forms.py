"""The prompts of LlamaIndex that ask for the answer in a form of their own, for `Emulator(prompt_forms=…)`.

The emulator's own rules are about text in general. This module holds what is LlamaIndex's alone: it recognises the
default prompts of its selectors, rerankers, question generators, evaluators, extractors, fusion
retriever, tree and keyword indices and ReAct agent by their sentences, and answers in the form that their parsers
read. What the answer says comes from shared words, as everywhere in the emulator.
"""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from inference_do.emulator._model.choices import chosen_numbers, fitting
from inference_do.emulator._model.text import fit, sentences, stems, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from inference_do.emulator._model.model import Ask, ChatRequest, PromptForm

SUPPORTED = 0.7
Match = re.Match[str]


def template_form(request: ChatRequest, _: Ask) -> str | None:
    """Answer in the form that the last message prescribes; `None` when it prescribes none that is known."""
    text = text_of(request["messages"][-1])
    for pattern, answer in _FORMS:
        found = pattern.search(text)
        if found is not None:
            return answer(text, found)
    return None


def _choices(text: str, _: Match) -> str:
    numbers = chosen_numbers(text) or [1]
    if "ANSWER:" in text:
        wanted = numbers if "ANSWER: <numbers>" in text else numbers[:1]
        return f"ANSWER: {', '.join(map(str, wanted))}\nIt shares the most words with the question."
    if "return the choice that" in text:
        numbers = numbers[:1]
    return json.dumps([{"choice": number, "reason": "It shares words with the question."} for number in numbers])


def _rerank(text: str, _: Match) -> str:
    tried = text.rsplit("Let's try this now:", maxsplit=1)[-1]
    documents = re.findall(r"Document (\d+):\n(.*?)(?=\n+Document \d+:\n|\n+Question:)", tried, re.DOTALL)
    question = tried.rsplit("Question:", 1)[-1].split("\nAnswer")[0]
    scores = fit(question, [document for _, document in documents])
    best = max(scores, default=0.0)
    ranked = sorted(zip(scores, documents, strict=True), key=lambda pair: -pair[0])
    lines = [f"Doc: {n}, Relevance: {max(1, round(9 * score / best))}" for score, (n, _) in ranked if score > 0]
    return "\n".join(lines) or "None of the documents is relevant."


def _sub_questions(text: str, _: Match) -> str:
    offered: dict[str, str] = json.loads(re.findall(r"^\{.*?^\}", text, re.DOTALL | re.MULTILINE)[-1])
    asked = re.findall(r"<User Question>\s*(.*?)\s*(?:<Output>|\Z)", text, re.DOTALL)[-1]
    items = [
        {"sub_question": f"{asked} ({description})", "tool_name": name}
        for name, description in fitting(asked, offered).items()
    ]
    return f"```json\n{json.dumps({'items': items}, indent=4)}\n```"


def _supported(text: str, _: Match) -> str:
    """Say YES when most words of a piece of information stand in the context."""
    information = re.findall(
        r"(?:Information|Query and Response|information|is\s*in line with the context information):\s*"
        r"(.*?)(?=\n\s*Context:|\nWe have provided|\Z)",
        text,
        re.DOTALL,
    )
    context = re.findall(r"\n\s*Context:\s*(.*?)(?=\n\s*Answer:|\Z)|-{5,}\n(.*?)\n-{5,}", text, re.DOTALL)
    claim = information[-1] if information else ""
    claim = re.split(r"\bResponse:\s*", claim)[-1]
    given = " ".join(context[-1]) if context else ""
    words, known = set(stems(claim)), set(stems(given))
    is_supported = bool(words) and len(words & known) / len(words) >= SUPPORTED
    already = re.search(r"existing YES/NO answer:\s*YES", text, re.IGNORECASE) is not None
    return "YES" if is_supported or already else "NO"


def _correctness(_: str, found: Match) -> str:
    reference, generated = set(stems(found[1])), set(stems(found[2]))
    shared = len(reference & generated)
    agreement = 2 * shared / (len(reference) + len(generated)) if shared else 0.0
    return f"{round(1 + 4 * agreement, 1)}\nThe generated answer shares {shared} words with the reference answer."


def _relevancy(_: str, found: Match) -> str:
    """Score how many words of the query a response or a context has: full marks for half of them."""
    full = 2 if found[1] == "response" else 4
    query, given = set(stems(found[2])), set(stems(found[3]))
    part = min(1.0, 2 * len(query & given) / len(query)) if query else 0.0
    score = round(full * part) if found[1] == "response" else round(full * part, 1)
    return f"1. and 2. It shares {len(query & given)} of {len(query)} words with the query.\n\n[RESULT] {score}"


def _refined_score(_: str, found: Match) -> str:
    existing, best = found[2].strip(), found[4]
    words, known = set(stems(found[1])), set(stems(found[3]))
    already = re.search(rf"\[RESULT\]\s*{re.escape(best)}\b", existing) is not None
    return f"[RESULT] {best}" if already or (words and len(words & known) * 2 >= len(words)) else existing


def _keywords(text: str, _: Match) -> str:
    inner = re.search(r"-{5,}\s*\n(.*?)\n-{5,}", text, re.DOTALL)
    most = re.search(r"up to (\d+) keywords", text)
    counts = Counter(word for word in re.findall(r"\w+", inner[1] if inner else text) if stems(word))
    common = [word for word, _ in counts.most_common(int(most[1]) if most else 10)]
    return f"KEYWORDS: {', '.join(common)}"


def _title(text: str, found: Match) -> str:
    names = Counter(re.findall(r"\b[A-Z]\w+", text[: found.start()].removeprefix("Context:")))
    return ", ".join(name for name, _ in names.most_common(4) if stems(name)) or "Untitled"


def _summary(_: str, found: Match) -> str:
    return " ".join(sentences(found[1])[:2])


def _queries(_: str, found: Match) -> str:
    count, query = int(found[1]), found[2].strip()
    words = " ".join(re.findall(r"[^\W_]+", query))
    variants = [query, words, f"What is known about {words}", f"Facts on {words}", f"Details of {words}"]
    return "\n".join(variants[i % len(variants)] for i in range(count))


_FORMS: tuple[tuple[re.Pattern[str], Callable[[str, Match], str]], ...] = (
    (re.compile(r"^Some choices are given below", re.MULTILINE), _choices),
    (re.compile(r"Doc: \d+, Relevance: \d+"), _rerank),
    (re.compile(r"list of relevant sub-questions"), _sub_questions),
    (re.compile(r"\bYES\b.{0,12}\bNO\b", re.DOTALL), _supported),
    (
        re.compile(
            r"evaluate if the (?:retrieved )?(response|context).*?\[RESULT\] followed by.*?"
            r"Query:\s*(.*?)\s*\n\s*(?:Response|Context):\s*(.*?)\s*Feedback:",
            re.DOTALL,
        ),
        _relevancy,
    ),
    (
        re.compile(
            r"in line with the context information:\s*(.*?)\s*We have provided an existing evaluation score:\s*(.*?)\s*"
            r"We have the opportunity.*?-{5,}\n(.*?)\n-{5,}.*?existing evaluation was already ([\d.]+)",
            re.DOTALL,
        ),
        _refined_score,
    ),
    (re.compile(r"## Reference Answer\s*(.*?)\s*## Generated Answer\s*(.*)", re.DOTALL), _correctness),
    (re.compile(r"'KEYWORDS: <keywords>'"), _keywords),
    (re.compile(r"(?:Give a title that|what is the comprehensive title).*Title:\s*$", re.DOTALL), _title),
    (re.compile(r"^Write a summary of the following\.[^\n]*\n+(.*?)\n+\s*SUMMARY:", re.DOTALL), _summary),
    (re.compile(r"Generate (\d+) search queries.*?Query:\s*(.*?)\nQueries:", re.DOTALL), _queries),
)


# --- the ReAct text protocol ---

TOOL = re.compile(r"> Tool Name: (\S+)\s*\nTool Description: (.*?)\nTool Args: (\{.*\})", re.DOTALL)
ACTION = re.compile(r"\nAction: ([^\n( ]+).*?\nAction Input: (\{.*\})", re.DOTALL)
NEEDED = "I need to use a tool to help me answer the question."
ENOUGH = "I can answer without using any more tools. I'll use the user's language to answer"


def react_form(request: ChatRequest, ask: Ask) -> str | None:
    """Take the next step of a ReAct conversation, whose text is read back into tools, calls and results."""
    messages = request["messages"]
    header = next((text_of(m) for m in messages if "Action Input:" in text_of(m) and "Thought:" in text_of(m)), None)
    if header is None or "Answer:" not in header:
        return None
    plain = _plain([message for message in messages if text_of(message) != header])
    if not plain:
        return None
    answer = ask({"messages": plain, "tools": _tools(header), "parallel_tool_calls": False})
    for call in answer.calls:
        return f"Thought: {NEEDED}\nAction: {call.name}\nAction Input: {call.arguments}"
    return f"Thought: {ENOUGH}\nAnswer: {answer.text}"


def _tools(header: str) -> list[dict[str, Any]]:
    tools: list[dict[str, Any]] = []
    for block in re.split(r"(?=> Tool Name: )", header):
        found = TOOL.search(block)
        if found is not None:
            parameters, _ = json.JSONDecoder().raw_decode(found[3])
            function = {"name": found[1], "description": found[2], "parameters": parameters}
            tools.append({"type": "function", "function": function})
    return tools


def _plain(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    plain: list[dict[str, Any]] = []
    for index, message in enumerate(messages):
        text = text_of(message)
        action = ACTION.search("\n" + text) if message["role"] == "assistant" else None
        if action is not None:
            function = {"name": action[1], "arguments": json.dumps(_read_input(action[2]))}
            plain.append(
                {"role": "assistant", "content": None, "tool_calls": [{"id": str(index), "function": function}]}
            )
        elif text.startswith("Observation:"):
            plain.append({"role": "tool", "content": text.removeprefix("Observation:").strip()})
        else:
            plain.append(dict(message))
    return plain


def _read_input(text: str) -> Any:
    """Read an action's input; LlamaIndex repeats it as a Python literal."""
    for read in (json.loads, ast.literal_eval):
        with suppress(ValueError, SyntaxError):
            return read(text)
    return {}


PROMPT_FORMS: tuple[PromptForm, ...] = (react_form, template_form)
