"""Who may hear whom in a call.

Rules:
- Nobody hears themselves.
- Nobody hears who is muted; who is deafened hears nobody.
- Who is confined is heard only by the listeners named; so a supervisor may be heard by one person, or by none.

Who listens only is no talker at all. The mixer asks; whoever moderates a call replaces the rules.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace

Keys = frozenset[Hashable]


@dataclass(frozen=True, slots=True)
class AudioState:
    """What one person has switched off."""

    muted: bool = False
    deafened: bool = False


NOTHING_OFF = AudioState()


@dataclass(frozen=True, slots=True)
class Audibility:
    muted: Keys = frozenset()
    deafened: Keys = frozenset()
    confined: Mapping[Hashable, Keys] = field(default_factory=dict)
    """Talker → who may hear."""

    def may_hear(self, listener: Hashable, talker: Hashable) -> bool:
        if listener == talker or talker in self.muted or listener in self.deafened:
            return False
        return talker not in self.confined or listener in self.confined[talker]

    def unheard_by(self, listener: Hashable, talkers: Iterable[Hashable]) -> Keys:
        return frozenset(talker for talker in talkers if not self.may_hear(listener, talker))

    def muting(self, talker: Hashable, *, is_muted: bool = True) -> Audibility:
        return replace(self, muted=self.muted | {talker} if is_muted else self.muted - {talker})

    def deafening(self, listener: Hashable, *, is_deafened: bool = True) -> Audibility:
        return replace(self, deafened=self.deafened | {listener} if is_deafened else self.deafened - {listener})

    def confining(self, talker: Hashable, listeners: Iterable[Hashable] | None) -> Audibility:
        """None: everybody may hear again."""
        others = {key: value for key, value in self.confined.items() if key != talker}
        return replace(self, confined=others if listeners is None else {**others, talker: frozenset(listeners)})

    def without(self, key: Hashable) -> Audibility:
        """Of somebody who left nothing stays."""
        return self.muting(key, is_muted=False).deafening(key, is_deafened=False).confining(key, None)
