"""Draw the README's picture: the demo of LangChain in a terminal, as it streams. Writes docs/_static/demo.svg.

The text is what `examples/langchain_chain.py` printed when this ran, without a key. Each word appears a moment after
the one before it. Viewers that were asked for no motion show all of it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html import escape
from pathlib import Path

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "docs" / "_static" / "demo.svg"
COMMAND = "$ scripts/demo"
BUTTONS = ("#ff5f57", "#febc2e", "#28c840")
COLUMNS, WIDTH, HEIGHT, LEFT, TOP = 78, 8.4, 20, 20, 56
WORD_SECONDS, PAUSE_SECONDS = 0.09, 0.5
STREAMED = re.compile(r"^(Answer: +|Answer, by one chain: )")
STYLE = """
text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #e6e6e6; white-space: pre; }
.prompt { fill: #8fd18f; } .label { fill: #8ab4f8; } .dim { fill: #9a9a9a; }
.word { fill-opacity: 0; animation: show 0.05s forwards; }
@keyframes show { to { fill-opacity: 1; } }
@media (prefers-reduced-motion: reduce) { .word { fill-opacity: 1; animation: none; } }
"""


def printed() -> list[str]:
    """Return the lines that the demo prints."""
    keys = ("KEY", "TOKEN")
    environment = {name: value for name, value in os.environ.items() if not name.endswith(keys)}
    command = [sys.executable, str(ROOT / "examples" / "langchain_chain.py")]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, env=environment, cwd=ROOT
    )
    return [part for line in done.stdout.rstrip().split("\n") for part in _folded(line)]


def _folded(line: str) -> list[str]:
    """Return a line as a terminal of so many columns would show it, with words whole."""
    parts = []
    while len(line) > COLUMNS:
        end = line.rfind(" ", 0, COLUMNS)
        parts.append(line[:end])
        line = " " * 10 + line[end + 1 :]
    return [*parts, line]


def drawing(lines: list[str]) -> str:
    """Return the picture of a terminal with these lines."""
    width, height = LEFT * 2 + COLUMNS * WIDTH, TOP + (len(lines) + 1) * HEIGHT
    moment, texts, is_streamed = PAUSE_SECONDS, [], False
    for number, line in enumerate([COMMAND, *lines]):
        y = TOP + number * HEIGHT
        is_streamed = bool(STREAMED.match(line)) or (is_streamed and line.startswith(" "))
        if not is_streamed:
            moment += PAUSE_SECONDS if line.startswith(("Question", "[")) else 0.05
            texts.append(_text(_styled(line), y, moment))
            continue
        label = match[0] if (match := STREAMED.match(line)) else re.match(" *", line)[0]
        pieces = [f'<tspan class="label">{label}</tspan>']
        for word in re.findall(r"\S+ ?", line[len(label) :]):
            moment += WORD_SECONDS
            pieces.append(f'<tspan class="word" style="animation-delay:{moment:.2f}s">{escape(word)}</tspan>')
        texts.append(_text("".join(pieces), y, moment - WORD_SECONDS * len(pieces)))
    dots = "".join(f'<circle cx="{LEFT + 18 * n}" cy="22" r="6" fill="{c}"/>' for n, c in enumerate(BUTTONS))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img">'
        "<title>scripts/demo in a terminal: a chain of LangChain streams answers about a handbook</title>"
        f"<style>{STYLE}</style>"
        f'<rect width="100%" height="100%" rx="10" fill="#1e1e24"/>{dots}{"".join(texts)}</svg>\n'
    )


def _text(inner: str, y: float, moment: float) -> str:
    return f'<text class="word" style="animation-delay:{max(moment, 0):.2f}s" x="{LEFT}" y="{y}">{inner}</text>\n'


def _styled(line: str) -> str:
    if line.startswith("$"):
        return f'<tspan class="prompt">{escape(line)}</tspan>'
    if line.startswith(("[", " Nothing")):
        return f'<tspan class="dim">{escape(line)}</tspan>'
    if match := re.match(r"\w+: +", line):
        return f'<tspan class="label">{match[0]}</tspan>{escape(line[len(match[0]) :])}'
    return escape(line)


if __name__ == "__main__":
    PICTURE.write_text(drawing(printed()), encoding="utf-8")
