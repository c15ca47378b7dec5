"""The entries of a playbook's `guidance_prompts`, as db/SCHEMA.md describes them: cues, prompts and bands.

Rules:
- An entry names its kind; unknown kinds, fields, rules, metrics and placeholders are refused with their place.
- What is said has 100 characters at most; with placeholders, their longest filling is counted in.
- A rule is worded once, a prompt's name and a metric's band are there once.
"""

from __future__ import annotations

import string
from collections import Counter
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from control_api.fields import Line
from control_api.http import Body

GuidanceType = Literal["ask", "clarify", "avoid", "suggest", "warn"]
Rule = Literal["long_monologue", "talk_ratio", "unanswered_question", "interruption", "pace", "fillers", "silence"]
Metric = Literal[
    "talk_ratio", "longest_monologue_ms", "patience_ms", "pace_wpm", "filler_rate", "silence_ms", "question_wait_ms"
]
MAX_ENTRIES = 200
MAX_SAID = 100
FILLINGS = {"name": "n" * 24, "figure": "9999", "quote": ""}
"""The longest that stands in a placeholder's place; a quote takes what room is left."""


def _sayable(text: str) -> str:
    try:
        fields = [(name, spec, conversion) for _, name, spec, conversion in string.Formatter().parse(text)]
    except ValueError:
        raise ValueError("braces are for {name}, {figure} and {quote}") from None
    for name, spec, conversion in fields:
        if name is not None and (name not in FILLINGS or spec or conversion):
            raise ValueError("braces are for {name}, {figure} and {quote}")
    if len(text.format(**FILLINGS)) > MAX_SAID:
        raise ValueError(f"is longer than {MAX_SAID} characters when it is filled in")
    return text


Said = Annotated[Line, AfterValidator(_sayable)]
When = Annotated[Line, StringConstraints(max_length=500)]
Priority = Annotated[int, Field(ge=1, le=3)]
Bound = Annotated[float, Field(ge=0, le=86_400_000)]


class Cue(Body):
    """What the host is told when that rule fires."""

    kind: Literal["cue"]
    cue: Rule
    guidance_type: GuidanceType
    priority: Priority
    when: When
    say: Said


class Prompt(Body):
    """A situation that a language model recognizes, and what the host is told then."""

    kind: Literal["prompt"]
    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,49}$")]
    guidance_type: GuidanceType
    priority: Priority
    when: When
    say: Said


class Band(Body):
    """What is usual in this metric; null is open on that side."""

    kind: Literal["band"]
    metric: Metric
    low: Bound | None
    high: Bound | None
    why: When

    @model_validator(mode="after")
    def _is_a_band(self) -> Band:
        if self.low is None and self.high is None:
            raise ValueError("a band has a low or a high end")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError("a band begins below where it ends")
        return self


Entry = Annotated[Cue | Prompt | Band, Field(discriminator="kind")]


def _once_each(entries: tuple[Cue | Prompt | Band, ...]) -> tuple[Cue | Prompt | Band, ...]:
    names = Counter(_name(entry) for entry in entries)
    doubled = sorted(name for name, count in names.items() if count > 1)
    if doubled:
        raise ValueError(f"{doubled[0]} is there more than once")
    return entries


def _name(entry: Cue | Prompt | Band) -> str:
    match entry:
        case Cue():
            return f"cue {entry.cue}"
        case Prompt():
            return f"prompt {entry.name}"
        case Band():
            return f"band {entry.metric}"


Entries = Annotated[tuple[Entry, ...], Field(max_length=MAX_ENTRIES), AfterValidator(_once_each)]
