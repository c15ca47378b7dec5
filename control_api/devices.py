"""What a browser says it is, in words a person knows it by. A guess for a list, never a reason for anything."""

from __future__ import annotations

from dataclasses import dataclass

_BROWSERS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (
    ("iPhone", "iOS"), ("iPad", "iPadOS"), ("Android", "Android"), ("Windows", "Windows"), ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Looks:
    device_type: str | None
    browser: str | None
    os: str | None


def looks_of(user_agent: str) -> Looks:
    """In the order in which one name hides in another's."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), None)
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), None)
    if system is None:
        return Looks(None, browser, None)
    is_phone = system == "iOS" or (system == "Android" and "Mobile" in user_agent)
    is_tablet = system == "iPadOS" or (system == "Android" and not is_phone)
    return Looks("mobile" if is_phone else "tablet" if is_tablet else "desktop", browser, system)
