"""What the project wants to reach, and whether it does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .series import Results, Series, difference, middle, ratio

M, K = 1e6, 1e3


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A figure of a subject and its limit. The figure may be divided by another's, or be what it is above another's."""

    what: str
    part: str
    subject: str
    metric: str
    most: float | None = None
    least: float | None = None
    per: str | None = None
    """A subject; `=METRIC` for another metric of the same subject."""
    above: str | None = None
    beside: tuple[str, ...] = ()
    """Subjects to compare with."""
    unit: str = ""

    def series(self, results: Results, subject: str | None = None) -> Series:
        """Return the figure by round, of this subject or of another in its place."""
        name = subject or self.subject
        own = results.series(self.part, name, self.metric)
        if self.per is not None and self.per.startswith("="):
            return ratio(own, results.series(self.part, name, self.per[1:]))
        if self.per is not None:
            return ratio(own, results.series(self.part, self.per, self.metric))
        if self.above is not None:
            return difference(own, results.series(self.part, self.above, self.metric))
        return own

    def is_met(self, results: Results) -> bool | None:
        """Return whether the median keeps the limit; None if it was not measured."""
        value = middle(self.series(results))
        if value is None:
            return None
        return (self.most is None or value <= self.most) and (self.least is None or value >= self.least)


def _instructions(what: str, subject: str, beside: tuple[str, ...], limits: dict[str, float]) -> Iterator[Bar]:
    for metric, most in limits.items():
        unit = "M" if most >= M else "k"
        yield Bar(
            what=f"{what}: {NAMES[metric]}",
            part="instructions",
            subject=subject,
            metric=metric,
            most=most,
            beside=beside,
            unit=unit,
        )


def _apis(what: str, subject: str, **alternatives: str) -> Iterator[Bar]:
    """What a delta of the other APIs costs, beside chat completions through the same subject and an alternative."""
    for api, most in (("responses", 1.25), ("messages", 1.15)):
        delta = {"part": "apis", "subject": subject, "metric": api, "unit": "x"}
        name = f"{what}: per delta of /{api}"
        yield Bar(what=f"{name} / of chat completions", most=most, per="=chat_completions", **delta)
        if alternative := alternatives.get(api):
            yield Bar(what=f"{name} / {alternative}'s", most=0.25, per=alternative, **delta)


NAMES = {
    "call": "call",
    "acall": "async call",
    "delta": "per delta",
    "adelta": "per delta, async",
    "fragment": "per tool-call fragment",
}
LANGCHAIN = ("ChatOpenAI", "ChatGradient", "LangChain itself")
LLAMAINDEX = ("OpenAILike", "GradientAI", "LlamaIndex itself")
CLIENT = ("openai SDK", "httpx by hand")


def _beginning(ours: str, baseline: str, alternative: str) -> Iterator[Bar]:
    """What it costs until a first object is there, and for further ones."""
    cold = {"part": "cold", "subject": ours, "beside": (alternative,)}
    yield Bar(what=f"{ours}: cold start / {baseline}", metric="cpu_ms", most=1.10, per=baseline, unit="x", **cold)
    yield Bar(what=f"{ours}: cold start above {baseline}", metric="mib", most=5, above=baseline, unit="MiB", **cold)
    yield Bar(what=f"{ours}: import alone", part="import", subject=ours, metric="wall_ms", most=5, unit="ms")
    build = {"part": "build", "subject": ours, "beside": (alternative,)}
    yield Bar(what=f"{ours}: construction after the first", metric="next_cpu_ms", most=0.05, unit="ms", **build)
    yield Bar(what=f"{ours}: TLS contexts of 5 objects", metric="tls_contexts_of_5", most=1, **build)


def _connecting(ours: str, alternative: str) -> Iterator[Bar]:
    """How many connections there are, and what idle ones cost."""
    for metric in ("calls", "streams", "async_calls", "async_streams"):
        what = f"{ours}: connections of 100 {metric.replace('_', ' ')}"
        yield Bar(what=what, part="connections", subject=ours, metric=metric, most=1, beside=(alternative,))
    for prefix, name in (("", "call"), ("async_", "async call")):
        yield Bar(
            what=f"{ours}: {name} with 300 idle connections / with one",
            part="idle",
            subject=ours,
            metric=f"{prefix}many_us",
            most=1.1,
            per=f"={prefix}one_us",
            beside=(alternative,),
            unit="x",
        )


def _under_load(ours: str, alternative: str) -> Iterator[Bar]:
    """Many streams at once, and many threads."""
    paced = {"part": "paced-1000", "subject": ours, "beside": (alternative,)}
    yield Bar(what=f"{ours}: 1,000 streams, finished", metric="finished", least=1000, **paced)
    yield Bar(what=f"{ours}: 1,000 streams, time / ideal", metric="x_ideal", most=1.3, unit="x", **paced)
    yield Bar(what=f"{ours}: 1,000 streams, memory", metric="mib", most=200, unit="MiB", **paced)
    yield Bar(
        what=f"{ours}: 1,000 streams, CPU / {alternative}'s",
        metric="cpu_s",
        most=0.4,
        per=alternative,
        unit="x",
        **paced,
    )
    what = f"{ours}: 64 threads, calls a second / {alternative}'s"
    yield Bar(what=what, part="threads", subject=ours, metric="calls_per_s", least=3, per=alternative, unit="x")


def _each_framework() -> Iterator[Bar]:
    for ours, baseline, alternative in (
        ("ChatDigitalOcean", "LangChain itself", "ChatOpenAI"),
        ("DigitalOcean", "LlamaIndex itself", "OpenAILike"),
    ):
        yield from _beginning(ours, baseline, alternative)
        yield from _connecting(ours, alternative)
        yield from _under_load(ours, alternative)


def _embedding(ours: str, alternative: str, names: str) -> Iterator[Bar]:
    """What 2,048 vectors cost, by each package's own class."""
    for metric, kind in (("cpu_ms", ""), ("async_cpu_ms", ", async")):
        what = f"{names}: 2,048 vectors of 1,024 numbers{kind}, CPU"
        yield Bar(what=what, part="embeddings", subject=ours, metric=metric, most=1, per=alternative, unit="x")


BARS = (
    *_instructions(
        "LangChain",
        "ChatDigitalOcean",
        LANGCHAIN,
        {"call": 2.35 * M, "acall": 3.1 * M, "delta": 106 * K, "adelta": 118 * K, "fragment": 165 * K},
    ),
    *_instructions("LlamaIndex", "DigitalOcean", LLAMAINDEX, {"call": 2.1 * M, "delta": 160 * K, "fragment": 200 * K}),
    *_instructions(
        "bare client", "Client", CLIENT, {"call": 1.5 * M, "acall": 2.1 * M, "delta": 48 * K, "adelta": 60 * K}
    ),
    *_instructions("typed chunks", "Client (typed chunks)", CLIENT, {"delta": 95 * K}),
    *_apis("LangChain", "ChatDigitalOcean", responses="ChatOpenAI", messages="ChatAnthropic"),
    *_apis("LlamaIndex", "DigitalOcean"),
    *_apis("bare client", "Client"),
    *_each_framework(),
    *_embedding("ChatDigitalOcean", "ChatOpenAI", "DigitalOceanEmbeddings / OpenAIEmbeddings"),
    *_embedding("DigitalOcean", "OpenAILike", "DigitalOceanEmbedding / OpenAIEmbedding"),
    Bar(
        what="bare client: memory of a stream of 50,000 deltas above one of 1,000",
        part="growth",
        subject="Client",
        metric="mib_growth",
        most=2,
        beside=("openai SDK",),
        unit="MiB",
    ),
)
