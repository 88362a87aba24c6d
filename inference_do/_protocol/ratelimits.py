"""The API's limits as responses state them, what is left of each, and a limit that users set themselves.

The source of the headers: https://docs.digitalocean.com/reference/quota-specific-response-headers/. `reset` is the Unix
second at which there is room again, 0 if there is now; it is rounded, and can be half a second in the past.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeGuard

from .retry import StatedLimit, asked_wait

if TYPE_CHECKING:
    from inference_do.limits import RateLimit

LOOK_SECONDS = 0.25
"""Seconds after which a request that went ahead counts as let through, where no response has come."""
LONGEST_STATED = 7 * 24 * 3600.0
"""Seconds; the API's longest limit is one of a day."""
ROUNDED_SECONDS = 2.0
"""Seconds in the past that a stated moment may be and still mean now."""
RESOLUTION = 0.25
"""Seconds to which the length of a window is found out."""
ROUNDING_SECONDS = 1.0
"""Seconds that a moment is off at most that was stated as a whole second."""
FRESH = 0.75
"""The part of a limit that is free when a new window has just begun."""
PROMPT_SECONDS = 0.1
"""Seconds after a stated moment within which a request still shows whether it was right."""
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0
"""Seconds between refusals that each say that there should be room."""


def is_moment(wait: float | None) -> TypeGuard[float]:
    """Return whether a stated wait says when there is room: not long past, and in seconds."""
    return wait is not None and -ROUNDED_SECONDS < wait <= LONGEST_STATED


def stated_waits(headers: Mapping[str, str], now: float, stated: Mapping[str, StatedLimit]) -> dict[str, StatedLimit]:
    """Return what a refusal says about the time when there is room again, by limit; empty if it does not say.

    A moment that has just passed counts: it was rounded.

    Args:
        headers: The refusal's, by lower-case name.
        now: Unix time of this machine.
        stated: The limits that the headers state.
    """
    if (asked := asked_wait(headers, now=now)) is not None:
        if not asked:
            return {}  # at once is no moment
        limit = stated["requests"].limit if "requests" in stated else None
        return {"requests": StatedLimit(limit, 0.0, asked, is_rounded=False)}
    return {name: limit for name, limit in stated.items() if not limit.remaining and is_moment(limit.wait)}


class Window:
    """The length of a limit's window, found out where the end of one is stated in whole seconds.

    It is looked for by halves: a request that is refused came too early, one that finds the whole limit free did not.
    Each step to an earlier moment may cost one refused request, so it ends at `RESOLUTION`.
    """

    __slots__ = ("_longest", "_shortest", "begun")

    def __init__(self) -> None:
        self.begun: float | None = None
        """The moment at which the present window began, as far as is known."""
        self._shortest, self._longest = 0.0, math.inf

    def end(self, stated: float) -> float:
        """Return the moment at which to look for a new window, of one whose stated end may be a second off."""
        if self.begun is None:
            return stated
        seconds = stated - self.begun
        if not self._shortest < self._longest or abs(self._longest - seconds) > 1 + RESOLUTION:
            self._longest = math.inf  # it is another window than those before
        if self._shortest > seconds + 1:
            self._shortest = 0.0
        shortest = max(self._shortest, seconds - 1)
        if self._longest == math.inf and shortest < seconds:
            return stated
        longest = min(self._longest, seconds + 1)
        width = longest - shortest
        return self.begun + (shortest + width / 2 if width > RESOLUTION else longest)

    def found(self, moment: float, *, is_prompt: bool) -> None:
        """Note that a new window had begun at this moment."""
        if self.begun is not None and is_prompt:
            self._longest = min(self._longest, moment - self.begun)
        self.begun = moment

    def refused(self, moment: float) -> None:
        """Note that none had begun yet."""
        if self.begun is not None:
            self._shortest = max(self._shortest, moment - self.begun)


class Bucket:
    """What is left of one limit, and when there is more."""

    __slots__ = (
        "_burst",
        "_is_early",
        "_is_exact",
        "_is_prompt",
        "_is_rolling",
        "_length",
        "_limit",
        "_looked",
        "_not_before",
        "_opens_at",
        "_refusals",
        "_remaining",
        "_room",
        "_spacing",
        "_started",
        "_stated_at",
        "_window",
        "stated_of",
    )

    def __init__(self) -> None:
        self._limit: float | None = None
        self._remaining = 0.0  # as it was stated
        self.stated_of = -math.inf
        """The moment at which the request went whose response stated it."""
        self._stated_at = -math.inf  # when that came
        self._room = 0.0  # what is left of it for requests that are still to go
        self._opens_at = -math.inf  # the moment that was stated for new room
        self._is_exact = True  # whether it was not rounded
        self._is_early = False  # whether those are rounded down, as a refusal showed where room comes back bit by bit
        self._not_before = -math.inf  # after refusals in spite of it
        self._looked: float | None = None  # the moment at which a request went ahead
        self._is_prompt = False  # whether that was as soon as there should have been room
        self._started: float | None = None  # when the last one that found room went ahead
        self._length = 0.0  # seconds from such a request to the moment that its response stated
        self._window = Window()
        self._is_rolling: bool | None = None  # whether room comes back bit by bit
        self._spacing = 0.0  # seconds between two requests that find room, if it does
        self._burst = 2.0  # requests that follow one that went ahead, while that is not known
        self._refusals = 0

    def take_over(self, stated: StatedLimit, now: float, sent: float) -> None:
        """Take what a response states that is no refusal.

        Responses overtake each other: of requests that were under way together the lowest number is the latest, unless
        it is of a window before.

        Args:
            stated: The limit.
            now: The moment, by the pacer's clock.
            sent: The moment at which the request went.
        """
        self._limit = stated.limit or self._limit
        if sent < self.stated_of - LOOK_SECONDS:
            return
        opens_at = self._opens_at if stated.wait is None else now + stated.wait
        overlaps = sent < self._stated_at and self._looked is None
        is_lower = overlaps and stated.remaining <= self._remaining and opens_at > self._opens_at - RESOLUTION
        is_newer = sent >= self.stated_of and not (overlaps and abs(opens_at - self._opens_at) < RESOLUTION)
        if is_lower:
            self._remaining = stated.remaining
        elif is_newer:
            self._remaining, self._stated_at = stated.remaining, now
        self.stated_of = max(self.stated_of, sent)
        if self._looked is not None and sent >= self._looked:
            self._refusals //= 2
            self._is_rolling = self._limit is None or stated.remaining < FRESH * self._limit - 1
            if self._is_rolling:
                self._window.refused(self._looked)  # hardly anything was free yet
            else:
                self._window.found(self._looked, is_prompt=self._is_prompt)
            self._started, self._looked = self._looked, None
            self._length = max(0.0, opens_at - self._started)
        if is_lower or is_newer:
            self._take_moment(stated, now)
        if self._is_unclear(now) and self._remaining <= 0:
            self._not_before = now + ROUNDING_SECONDS

    def refuse(self, stated: StatedLimit, now: float) -> None:
        """Take a refusal that says when there is room."""
        self._limit = stated.limit or self._limit
        wait = stated.wait or 0.0
        if self._started is not None and self._is_rolling is not False:
            self._is_rolling = True
            self._spacing = min(now - self._started, ROUNDING_SECONDS) + max(0.0, wait)
        was_look = self._looked is not None
        if self._looked is not None:
            if abs(now + wait - self._opens_at) < RESOLUTION:
                self._window.refused(self._looked)
                self._is_early = self._is_rolling is True
            else:
                self._window.begun = None  # others began it
        self._remaining, self._looked, self._burst = 0.0, None, 2.0
        self._take_moment(stated, now)
        self._refusals += was_look
        if was_look or self._opens <= now:
            pause = min(FIRST_PAUSE * 2.0 ** min(max(self._refusals - 1, 0), 20), LONGEST_PAUSE)
            self._not_before = now + (max(pause, ROUNDING_SECONDS) if self._is_unclear(now) else pause)

    def settle(self, pending: float) -> None:
        """Work out the room that is left beside requests that may not be counted in what was stated."""
        self._room = self._remaining - pending

    def _take_moment(self, stated: StatedLimit, now: float) -> None:
        if is_moment(stated.wait):
            self._opens_at = now + stated.wait
            self._is_exact = not stated.is_rounded

    def _is_unclear(self, now: float) -> bool:
        """Return whether the stated moment has passed, was rounded, and no window is known that it could be of."""
        return not self._is_exact and self._window.begun is None and self._opens_at <= now

    @property
    def _opens(self) -> float:
        stated = self._opens_at
        if not self._is_exact:
            stated = self._window.end(stated) + (ROUNDING_SECONDS if self._is_early else 0.0)
        return max(stated, self._not_before)

    def free(self, now: float, cost: float, *, expects_news: bool) -> float:
        """Return how many requests there is room for.

        Args:
            now: The moment.
            cost: What a request takes.
            expects_news: Whether the responses to requests that just went are still to come.
        """
        if self._room > 0:
            return max(1, self._room // cost)
        if now < self._opens:
            return 0
        if self._looked is None:
            return 0 if expects_news else 1
        if now - self._looked < self._pause:
            return 0
        return self._let_through(cost)

    @property
    def _pause(self) -> float:
        """Seconds after which a request that went ahead counts as let through."""
        return max(LOOK_SECONDS, self._spacing) if self._is_rolling else LOOK_SECONDS

    def _let_through(self, cost: float) -> float:
        """Return how many requests follow one that was not refused and has no response yet."""
        if self._is_rolling:
            return 1
        most = max(1, (self._limit or 0.0) // cost - 1)
        return most if self._is_rolling is False else min(self._burst, most)

    def spend(self, cost: float, now: float) -> None:
        """Take a request's part."""
        if self._room > 0:
            self._room -= cost
        elif self._looked is None:
            self._looked = now
            self._is_prompt = now - self._opens < PROMPT_SECONDS
        else:  # no refusal came
            self._remaining = self._let_through(cost) * cost
            self._room = self._remaining - cost
            self._started = self._looked
            self._burst *= 2
            self._looked = None if self._is_rolling is False else now
            self.stated_of = now

    def opens_for(self, rank: int, now: float, cost: float) -> float:
        """Return the moment at which there is room for a request that so many others are before."""
        opens = self._opens if now < self._opens else (self._looked or now) + self._pause  # or when there is news
        at_once = max(1.0, (self._limit or math.inf) // cost)
        return opens + self._length * (rank // at_once)


class OwnLimit:
    """A limit that the user set: at most so many requests and tokens within any such number of seconds."""

    __slots__ = ("_limit", "_spent", "_tokens")

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        self._spent: deque[tuple[float, float]] = deque()  # moments and tokens
        self._tokens = 0.0

    def free(self, now: float, cost: float) -> float:
        """Return how many requests may go now."""
        while self._spent and self._spent[0][0] + self._limit.seconds <= now:
            self._tokens -= self._spent.popleft()[1]
        free = math.inf if self._limit.requests is None else float(self._limit.requests - len(self._spent))
        if self._limit.tokens is not None:
            left = self._limit.tokens - self._tokens
            free = min(free, max(1.0, left // cost) if left > 0 else 0.0)
        return free

    def spend(self, now: float, tokens: float) -> None:
        """Count a request."""
        self._spent.append((now, tokens))
        self._tokens += tokens

    def used(self, tokens: float, counted: float) -> None:
        """Correct what a request was counted with, by what its answer says."""
        if self._spent:
            moment, before = self._spent.pop()
            self._spent.append((moment, before + tokens - counted))
            self._tokens += tokens - counted

    def opens_for(self, rank: int, now: float) -> float:
        """Return the moment at which a request may go that so many others are before."""
        at_once = math.inf if self._limit.requests is None else self._limit.requests
        nth = 0 if at_once == math.inf else min(int(rank % at_once), len(self._spent) - 1)
        opens = self._spent[nth][0] if self._spent else now
        return opens + self._limit.seconds * (1 + rank // at_once)
