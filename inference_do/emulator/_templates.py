"""Prompts that prescribe the form of the answer in words, as LlamaIndex's engines and evaluators do.

Each function recognises one form by its instruction, and answers by the same plain means as everywhere: shared words.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from ._prompt import fit, sentences, stems, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SUPPORTED = 0.7
SHORTEST_QUESTION = 3  # words that a question needs to stand alone
Match = re.Match[str]
REFERS_BACK = re.compile(
    r"\b(it|its|he|him|his|she|her|they|them|their|that|those|this|these|there|one|ones|so|what about|and|also)\b",
    re.IGNORECASE,
)
"""Words by which a follow-up question leans on what was said before."""


def templated(messages: Sequence[Mapping[str, Any]]) -> str | None:
    """Answer in the form that the last message prescribes; `None` when it prescribes none that is known."""
    text = text_of(messages[-1])
    for pattern, answer in _FORMS:
        found = pattern.search(text)
        if found is not None:
            return answer(text, found)
    return None


def chosen(text: str) -> list[int]:
    """Return the numbers of the listed choices that fit a prompt's question, best first; the first if none does."""
    question = re.search(r"relevant to the (?:question|following question)?:?\s*'?(.*?)'?\s*(?:\n|$)", text)
    numbered = re.findall(r"^\((\d+)\)\s*:?\s*(.*?)(?=^\(\d+\)|^-{5,}|\Z)", text, re.MULTILINE | re.DOTALL)
    if question is None or not numbered:
        return []
    scores = fit(question[1], [summary for _, summary in numbered])
    ranked = sorted(zip(scores, numbered, strict=True), key=lambda pair: -pair[0])
    best = ranked[0][0]
    return [int(number) for score, (number, _) in ranked if score > 0 and score >= best / 2] or [int(numbered[0][0])]


def _choices(text: str, _: Match) -> str:
    numbers = chosen(text) or [1]
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


def divided(text: str) -> list[dict[str, str]]:
    """Return sub-questions, one for each tool that fits a prompt's question; none if it offers no tools by name."""
    tools = re.findall(r"^\{.*?^\}", text, re.DOTALL | re.MULTILINE)
    question = re.findall(r"(?:<User Question>|^Question:)\s*(.*?)\s*(?:<Output>|\Z)", text, re.DOTALL | re.MULTILINE)
    try:
        offered: dict[str, str] = json.loads(tools[-1])
    except (IndexError, ValueError):
        offered = {}
    asked = question[-1] if question else ""
    scores = fit(asked, [f"{name} {description}" for name, description in offered.items()])
    fitting = [name for name, score in zip(offered, scores, strict=True) if score > 0] or list(offered)
    return [{"sub_question": f"{asked} ({offered[name]})", "tool_name": name} for name in fitting]


def _sub_questions(text: str, _: Match) -> str:
    return f"```json\n{json.dumps({'items': divided(text)}, indent=4)}\n```"


def _supported(text: str, _: Match) -> str:
    """Say YES when most words of a piece of information stand in the context."""
    information = re.findall(
        r"(?:Information|Query and Response|information|is\s*in line with the context information):\s*"
        r"(.*?)(?=\n\s*Context:|\nWe have provided|\Z)",
        text,
        re.DOTALL,
    )
    context = re.findall(r"\n\s*Context:\s*(.*?)(?=\n\s*Answer:|\Z)|-{5,}\n(.*?)\n-{5,}", text, re.DOTALL)
    said = information[-1] if information else ""
    said = re.split(r"\bResponse:\s*", said)[-1]
    given = " ".join(context[-1]) if context else ""
    words, known = set(stems(said)), set(stems(given))
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


def _standalone(text: str, _: Match) -> str:
    followed = re.search(
        r"(?:<Follow Up Message>|Follow Up (?:Input|Message|question)s?:)\s*(.*?)\s*(?:<|Standalone)",
        text,
        re.DOTALL | re.IGNORECASE,
    )
    history = re.findall(r"^\s*(?:user|human):\s*(.*)$", text, re.MULTILINE | re.IGNORECASE)
    question = followed[1].strip() if followed else text.strip().splitlines()[-1]
    earlier = " ".join(line.strip() for line in history if line.strip() != question)
    return f"{question} (after: {earlier})" if earlier and _leans_back(question) else question


def _leans_back(question: str) -> bool:
    return len(question.split()) < SHORTEST_QUESTION or REFERS_BACK.search(question) is not None


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
    (re.compile(r"<Standalone question>|Standalone question:", re.IGNORECASE), _standalone),
    (re.compile(r"'KEYWORDS: <keywords>'"), _keywords),
    (re.compile(r"(?:Give a title that|what is the comprehensive title).*Title:\s*$", re.DOTALL), _title),
    (re.compile(r"^Write a summary of the following\.[^\n]*\n+(.*?)\n+\s*SUMMARY:", re.DOTALL), _summary),
    (re.compile(r"Generate (\d+) search queries.*?Query:\s*(.*?)\nQueries:", re.DOTALL), _queries),
)
