"""Calls wait together for the room that the API states for a model, first come first served.

Each response says for requests, tokens per minute and tokens per day how much is left and when there is room again:
`x-ratelimit-{limit,remaining,reset}-…`, the last one as a Unix second. A `Pacer` has what one model's responses said.
Each request takes a `Turn`. It goes when there is room for it and for all turns before it, and otherwise waits for the
moment that was stated. Nothing here waits by itself: a flow asks, and sleeps.

What is not known is found out by few: the first requests of a model go `FIRST_REQUESTS` at a time, and after a wait one
request goes ahead. The others follow when its response has come, or after `LOOK_SECONDS`: a refusal is quick, an answer
may take long. So a limit that other programs share, a second that was rounded or a clock that is wrong costs a refused
request now and then, and not one of each that waits.
"""

from __future__ import annotations

import math
import os
import threading
import time
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Mapping
from itertools import count
from typing import TYPE_CHECKING

from .ratelimits import LOOK_SECONDS, Bucket, OwnLimit, stated_waits
from .retry import TOO_MANY_REQUESTS, Budget, stated_limits

if TYPE_CHECKING:
    from inference_do.limits import RateLimit

FIRST_REQUESTS = 16
"""Requests to a model that go before the first response has come; twice as many after each `LOOK_SECONDS`."""
LATE_SECONDS = 2.0
"""Seconds after which a turn that does not come back is not waited for: its event loop stands still."""
LONGEST_SLEEP = 5.0
"""Seconds between two looks."""
ASK_SECONDS = 30.0
"""Seconds after which one request is sent although what was stated leaves no room: it may hold no more."""
UNKNOWN_TOKENS = 500.0
"""Tokens of a request, until the first usage has come."""


class Turn:
    """The place of one call among those that wait for a model."""

    __slots__ = ("_is_woken", "_wake", "due", "number", "pacer")

    def __init__(self, pacer: Pacer, number: int) -> None:
        self.pacer, self.number = pacer, number
        self.due = math.inf
        """The moment at which it looks again."""
        self._is_woken = False
        self._wake: Callable[[], object] = bool

    def __lt__(self, other: Turn) -> bool:
        return self.number < other.number

    def look(self, patience: float = math.inf) -> tuple[float, float]:
        """Return the seconds until this turn should look again, 0 if it may go, and those that it will wait in all.

        Args:
            patience: Seconds that the call can still wait. If it would be longer, this turn goes now and then all the
                same, to see whether what was stated still holds.
        """
        return self.pacer.look(self, patience)

    def answered(self, status: int, headers: Mapping[str, str], now: float) -> float | None:
        """Take what a response's head says; return the seconds that a refusal says to wait, None if it does not say.

        They are 0 or less for a moment that has just passed, and was rounded.
        """
        return self.pacer.answered(self, status, headers, now)

    def used(self, tokens: float) -> None:
        """Take the tokens that an answer was counted with."""
        self.pacer.used(tokens)

    def leave(self) -> None:
        """Wait no more, and expect no response."""
        self.pacer.leave(self)

    def on_wake(self, wake: Callable[[], object]) -> None:
        """Have a function called, from any thread, when there may be room earlier than thought."""
        self._wake = wake
        if self._is_woken:
            wake()

    def sleeps(self, until: float) -> None:
        self._is_woken, self._wake, self.due = False, bool, until

    def wake(self) -> None:
        if not self._is_woken:
            self._is_woken = True
            self._wake()


class Pacer:
    """The limits of one model as its responses state them, and the turns that wait for room.

    Args:
        own: The limit that the user set for the client.
        lock: The one that guards `own`.
        clock: Seconds, as `time.monotonic` counts them.
    """

    def __init__(
        self,
        own: OwnLimit | None = None,
        *,
        lock: threading.Lock | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock, self._own = clock, own
        self._lock = lock or threading.Lock()
        self._numbers = count()
        self._waiting: list[Turn] = []
        self._left: deque[Turn] = deque()
        self._unanswered: dict[Turn, float] = {}
        """The moments at which requests went that have no response yet, oldest first."""
        self._buckets: dict[str, Bucket] = {}
        self._last = -math.inf  # the moment of the last request
        self._is_known = False  # a response has come
        self._tokens: float | None = None  # of a request, on average

    def turn(self) -> Turn:
        """Return a place behind all others."""
        return Turn(self, next(self._numbers))

    def look(self, turn: Turn, patience: float = math.inf) -> tuple[float, float]:
        """See `Turn.look`."""
        with self._lock:
            now = self._clock()
            self._remove_left()
            while self._waiting and self._waiting[0].due + LATE_SECONDS < now:
                self._waiting.pop(0)
            rank, is_waiting = self._place(turn)
            seconds = 0.0 if rank < self._free(now) else max(self._opens(now, rank) - now, 0.001)
            if not seconds or (seconds > patience and self._may_ask(now)):
                if is_waiting:
                    del self._waiting[rank]
                self._send(turn, now)
                self._wake_first(now)
                return 0.0, 0.0
            if not is_waiting:
                insort(self._waiting, turn)
            pause = min(seconds, LONGEST_SLEEP)
            turn.sleeps(now + pause)
            return pause, seconds

    def _may_ask(self, now: float) -> bool:
        """Return whether a request may go to see whether what the API stated still holds; the user's own limit does."""
        return self._own_free(now) > 0 and now - self._last > ASK_SECONDS

    def answered(self, turn: Turn, status: int, headers: Mapping[str, str], now: float) -> float | None:
        """See `Turn.answered`."""
        with self._lock:
            moment = self._clock()
            sent = self._unanswered.pop(turn, -math.inf)
            self._is_known = True
            stated = stated_limits(headers, now)
            waits = stated_waits(headers, now, stated) if status == TOO_MANY_REQUESTS else {}
            for name, limit in (stated | waits).items():
                if (bucket := self._buckets.get(name)) is None:
                    bucket = self._buckets[name] = Bucket()
                if name in waits:
                    bucket.refuse(limit, moment)
                else:
                    bucket.take_over(limit, moment, sent)
            for name, bucket in self._buckets.items():
                bucket.settle(self._pending(bucket.stated_of) * self._cost(name))
            self._wake(moment)
            return max((limit.wait or 0.0 for limit in waits.values()), default=None)

    def _pending(self, stated_of: float) -> int:
        """Return how many requests went after one, or so shortly before it that they may have arrived after it."""
        pending = 0
        for sent in reversed(self._unanswered.values()):
            if sent < stated_of - LOOK_SECONDS:
                break
            pending += 1
        return pending

    @property
    def counts_tokens(self) -> bool:
        """Whether it matters how many tokens an answer took."""
        return self._own is not None or any(name != "requests" for name in self._buckets)

    def used(self, tokens: float) -> None:
        """See `Turn.used`."""
        with self._lock:
            known, counted = self._tokens, self._cost("tokens")
            self._tokens = tokens if known is None else known + (tokens - known) / 8
            if self._own is not None:
                self._own.used(tokens, counted)

    def leave(self, turn: Turn) -> None:
        """See `Turn.leave`; the garbage collector may call it, also while this thread holds the lock."""
        self._left.append(turn)
        if self._lock.locked():
            return  # who looks next sees it
        with self._lock:
            self._remove_left()
            self._wake(self._clock())

    def _remove_left(self) -> None:
        while self._left:
            turn = self._left.popleft()
            self._unanswered.pop(turn, None)
            rank, is_waiting = self._place(turn)
            if is_waiting:
                del self._waiting[rank]

    def _place(self, turn: Turn) -> tuple[int, bool]:
        """Return how many of those that wait are before a turn, and whether it waits itself."""
        rank = bisect_left(self._waiting, turn)
        return rank, rank < len(self._waiting) and self._waiting[rank] is turn

    def _send(self, turn: Turn, now: float) -> None:
        self._unanswered.pop(turn, None)  # of the attempt before, whose connection failed
        self._unanswered[turn] = self._last = now
        for name, bucket in self._buckets.items():
            bucket.spend(self._cost(name), now)
        if self._own is not None:
            self._own.spend(now, self._cost("tokens"))

    def _cost(self, name: str) -> float:
        """Return what a request takes of a limit."""
        if name == "requests":
            return 1.0
        return max(1.0, UNKNOWN_TOKENS if self._tokens is None else self._tokens)

    def _free(self, now: float) -> float:
        """Return how many requests may go now."""
        free = math.inf
        if not self._is_known:
            free = FIRST_REQUESTS * 2.0 ** min(self._first_steps(now), 60) - len(self._unanswered)
        news = self._expects_news(now)
        for name, bucket in self._buckets.items():
            free = min(free, bucket.free(now, self._cost(name), expects_news=news))
        return min(free, self._own_free(now))

    def _own_free(self, now: float) -> float:
        """Return how many requests may go now by the user's own limit."""
        return math.inf if self._own is None else self._own.free(now, self._cost("tokens"))

    def _first_steps(self, now: float) -> int:
        """Return how many times `LOOK_SECONDS` have passed since the oldest request without a response."""
        return int((now - next(iter(self._unanswered.values()), now)) / LOOK_SECONDS)

    def _expects_news(self, now: float) -> bool:
        """Return whether a request has just gone whose response is still to come."""
        return bool(self._unanswered) and now - self._last < LOOK_SECONDS

    def _opens(self, now: float, rank: int) -> float:
        """Return the moment at which a turn may go that so many others are before, as far as is known."""
        moments = [now]
        if not self._is_known:
            begun = next(iter(self._unanswered.values()), now)
            moments.append(begun + LOOK_SECONDS * (1 + self._first_steps(now)))
        news = self._expects_news(now)
        for name, bucket in self._buckets.items():
            cost = self._cost(name)
            if bucket.free(now, cost, expects_news=news) <= rank:
                moments.append(bucket.opens_for(rank, now, cost))
        if self._own is not None and self._own_free(now) <= rank:
            moments.append(self._own.opens_for(rank, now))
        return max(moments)

    def _wake(self, now: float) -> None:
        """Wake the turns that there is room for; the first one also if it would look too late."""
        if not self._waiting:
            return
        if (free := self._free(now)) <= 0:
            self._wake_first(now)
            return
        for turn in self._waiting[: len(self._waiting) if free == math.inf else int(free)]:
            turn.wake()

    def _wake_first(self, now: float) -> None:
        """Wake the first turn if it would look too late."""
        if self._waiting and self._opens(now, 0) < self._waiting[0].due:
            self._waiting[0].wake()


class Traffic:
    """What the calls of a client share: the budget of retries, and a pacer for each model.

    A forked process begins anew: a lock that another thread held at that moment would be held for ever.

    Args:
        limit: The limit that the user set, if one is set.
        clock: Seconds, as `time.monotonic` counts them.
    """

    MOST_MODELS = 1_000

    def __init__(self, limit: RateLimit | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit, self._clock = limit, clock
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._budget = Budget()
        self._own = None if self._limit is None else OwnLimit(self._limit)
        self._lock = None if self._limit is None else threading.Lock()
        self._by_model: dict[str, Pacer] = {}

    def _begin_anew_in_a_fork(self) -> None:
        if self._process != os.getpid():
            self._begin()

    @property
    def budget(self) -> Budget:
        """The budget of this process."""
        self._begin_anew_in_a_fork()
        return self._budget

    def pacer_of(self, model: str) -> Pacer:
        """Return a model's pacer in this process."""
        self._begin_anew_in_a_fork()
        if (pacer := self._by_model.get(model)) is None:
            if len(self._by_model) >= self.MOST_MODELS:
                self._by_model = {}  # nobody has that many models; ids that are made up are not kept
            pacer = self._by_model.setdefault(model, Pacer(self._own, lock=self._lock, clock=self._clock))
        return pacer
