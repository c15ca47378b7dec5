"""A coach without a language model: one sentence for each kind of cue, addressed to the host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from media_server.conversation.types import Cue, CueKind
from media_server.engines.protocols import Advice
from media_server.events import GuidanceType

MAX_CHARACTERS = 100
MAX_NAME_CHARACTERS = 20
_LEAD_WORDS = frozenset({"and", "but", "so", "well", "okay", "ok", "then", "oh", "um", "uh", "hi", "yes", "yeah"})


@dataclass(frozen=True, slots=True)
class _Saying:
    guidance_type: GuidanceType
    priority: int
    words: Callable[[Cue, Mapping[str, str]], str]


class RuleCoach:
    """Says what the rules found; never invents."""

    def advise(self, cue: Cue, names: Mapping[str, str]) -> Advice | None:
        """The sentence for this cue, resting on the cue's own quotes."""
        saying = _OWN_QUESTION if cue.kind == "unanswered_question" and cue.is_about_host else _SAYINGS[cue.kind]
        return Advice(saying.guidance_type, saying.priority, saying.words(cue, names), cue.quotes)


def _unanswered_question(cue: Cue, names: Mapping[str, str]) -> str:
    return _with_quote(f"{_name(cue.participant_id, names)}'s question has not been answered: ", cue.quotes[0].text)


def _own_question(cue: Cue, names: Mapping[str, str]) -> str:
    return _with_quote("Your question has not been answered: ", cue.quotes[0].text)


def _interruption(cue: Cue, names: Mapping[str, str]) -> str:
    return f"You cut {_name(cue.other_id, names)} off. Let people finish, then answer."


def _monologue(cue: Cue, names: Mapping[str, str]) -> str:
    return f"You have been talking for {cue.figure} seconds. Stop and ask what they think."


def _talk_ratio(cue: Cue, names: Mapping[str, str]) -> str:
    return f"You have done {cue.figure}% of the talking. Ask an open question and listen."


def _pace(cue: Cue, names: Mapping[str, str]) -> str:
    return f"You speak {cue.figure} words a minute. Slow down and leave pauses."


def _fillers(cue: Cue, names: Mapping[str, str]) -> str:
    return f"{cue.figure}% of your words are fillers. Pause instead; silence sounds surer."


def _silence(cue: Cue, names: Mapping[str, str]) -> str:
    return f"Nobody has spoken for {cue.figure} seconds. Sum up, or ask for the next step."


_OWN_QUESTION = _Saying("ask", 2, _own_question)
_SAYINGS: dict[CueKind, _Saying] = {
    "unanswered_question": _Saying("clarify", 1, _unanswered_question),
    "interruption": _Saying("avoid", 2, _interruption),
    "long_monologue": _Saying("ask", 2, _monologue),
    "talk_ratio": _Saying("ask", 3, _talk_ratio),
    "silence": _Saying("suggest", 2, _silence),
    "pace": _Saying("warn", 3, _pace),
    "fillers": _Saying("avoid", 3, _fillers),
}


def _name(participant_id: str | None, names: Mapping[str, str]) -> str:
    name = names.get(participant_id or "", "").strip()
    return name[:MAX_NAME_CHARACTERS].rstrip() or "somebody"


def _with_quote(lead: str, quote: str) -> str:
    """The lead with as much of the quote's beginning as fits, without words like "but" in front."""
    first, _, rest = quote.partition(" ")
    if first.strip(",.").casefold() in _LEAD_WORDS and rest:
        quote = rest
    room = MAX_CHARACTERS - len(lead) - 2
    if len(quote) > room:
        quote = quote[: room - 1].rsplit(" ", 1)[0] + "…"
    return f"{lead}“{quote}”"
