"""The virtual environments that subjects run in: one for each framework, with all the alternatives.

They are kept in `.benchmark/` and made again when what they are made from has changed.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".benchmark"
CONSTRAINTS = Path(__file__).with_name("constraints.txt")

ANTHROPIC = "anthropic==2.14.0"
"""Not among the constraints: llama-index-llms-anthropic 0.12.3 breaks with every anthropic from 1.0 on."""
REQUIREMENTS: dict[str, tuple[str, ...]] = {
    "client": (".[otel]", "opentelemetry-sdk", "openai", ANTHROPIC),
    "langchain": (
        ".[langchain]",
        "langchain-openai",
        "langchain-anthropic",
        ANTHROPIC,
        "langchain-gradient",
        "langchain-groq",
        "langchain-openrouter",
        "langchain-litellm",
    ),
    "llamaindex": (
        ".[llamaindex]",
        "llama-index-embeddings-openai",
        "llama-index-llms-openai",
        "llama-index-llms-openai-like",
        "llama-index-llms-anthropic",
        "anthropic==0.125.0",
        "llama-index-llms-digitalocean-gradientai",
        "llama-index-llms-litellm",
    ),
}
"""What each environment holds; the project itself first, as it stands in the working tree."""


def interpreter(name: str) -> Path:
    """Return the Python of an environment, which is made if it does not stand yet."""
    HOME.mkdir(exist_ok=True)
    with (HOME / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another benchmark may be making it
        return _made(HOME / name, name)


def _made(home: Path, name: str) -> Path:
    python = home / "bin" / "python"
    made_from = home / "made-from"
    wanted = _fingerprint(name)
    if not (python.exists() and made_from.exists() and made_from.read_text() == wanted):
        print(f"Making {home.relative_to(ROOT)} (once) …", file=sys.stderr, flush=True)
        shutil.rmtree(home, ignore_errors=True)
        _make(home, python, REQUIREMENTS[name])
        made_from.write_text(wanted)
    return python


def _fingerprint(name: str) -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = (project["dependencies"], project["optional-dependencies"], REQUIREMENTS[name])
    parts = (CONSTRAINTS.read_text(), repr(wanted), sys.version)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _make(home: Path, python: Path, requirements: tuple[str, ...]) -> None:
    own, *alternatives = requirements
    wanted = ["--constraint", str(CONSTRAINTS), "--editable", own, *alternatives]
    if uv := shutil.which("uv"):
        _run(uv, "venv", "--quiet", "--python", sys.executable, str(home))
        _run(uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python), *wanted)
    else:
        _run(sys.executable, "-m", "venv", str(home))
        _run(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted)


def _run(*command: str) -> None:
    subprocess.run(command, cwd=ROOT, check=True)
