"""What each mail says, as text and as HTML of the same words.

Rules:
- `PARAMS` names what each kind needs, and nothing else is taken. Parameters are other people's words: they are one line
  in the subject, and text, never markup, in the HTML.
- A mail has one link at most, to our own page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Literal

Kind = Literal[
    "verify_email", "prove_email", "sign_up_known", "sign_up_waiting", "reset_password", "password_changed",
    "google_linked", "account_deletion", "invitation", "summary_ready", "usage_warning",
    "webhook_disabled",
    "waitlist_approved", "waitlist_invited", "waitlist_rejected", "organization_verified", "organization_not_verified",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Text:
    subject: str
    paragraphs: tuple[str, ...]
    button: str = ""
    """What the link is called; "": there is none."""
    params: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Rendered:
    subject: str
    text: str
    html: str


def _text(subject: str, *paragraphs: str, button: str = "", params: str = "") -> Text:
    return Text(subject, paragraphs, button, frozenset(params.split()) | ({"link"} if button else set()))


TEXTS: Mapping[Kind, Text] = {
    "verify_email": _text(
        "Confirm your address",
        "Somebody, you we hope, asked for a LiveConvo account with this address.",
        "Open this link within {hours} hours to choose a password. If it was not you, do nothing: without the link"
        " there is no account.",
        button="Confirm the address",
        params="hours",
    ),
    "prove_email": _text(
        "Confirm your address",
        "Open this link to confirm that this is the address of your LiveConvo account.",
        "If you did not ask for it, do nothing.",
        button="Confirm the address",
    ),
    "sign_up_known": _text(
        "You have an account already",
        "Somebody, you we hope, asked for a LiveConvo account with this address. There is one: sign in with it, or set"
        " a new password if you do not remember yours.",
        button="Sign in",
    ),
    "sign_up_waiting": _text(
        "Accounts are by invitation",
        "Somebody, you we hope, asked for a LiveConvo account with this address. This installation gives accounts to"
        " people from its waiting list, and this address has not been approved so far.",
    ),
    "reset_password": _text(
        "Set a new password",
        "Somebody, you we hope, asked to set a new password for your LiveConvo account.",
        "Open this link within {minutes} minutes. If it was not you, do nothing: your password stays as it is.",
        button="Set a new password",
        params="minutes",
    ),
    "password_changed": _text(
        "Your password was changed",
        "The password of your LiveConvo account was changed, and every other device was signed out.",
        "If it was not you, set a new one at once.",
        button="Open LiveConvo",
    ),
    "google_linked": _text(
        "Google sign-in was connected",
        "From now on your LiveConvo account can be opened with your Google account, too.",
        "If it was not you, set a new password at once, and tell whoever runs this installation.",
        button="Open LiveConvo",
    ),
    "account_deletion": _text(
        "Your account will be deleted",
        "Your LiveConvo account, and everything in it, will be erased on {date}. Until then nothing changes.",
        "Sign in and cancel it if you have changed your mind, or if it was not you.",
        button="Open LiveConvo",
        params="date",
    ),
    "invitation": _text(
        "{inviter} invites you to {organization}",
        "{inviter} invites you to join {organization} on LiveConvo.",
        "{message}",
        "The link is for your address alone and works for {days} days.",
        button="See the invitation",
        params="inviter organization message days",
    ),
    "summary_ready": _text(
        "Summary: {title}",
        "The summary of “{title}” is ready.",
        button="Read the summary",
        params="title",
    ),
    "usage_warning": _text(
        "{used} of your {limit} minutes are used",
        "Of your {limit} minutes of this month in {organization}, {used} are used.",
        "When they are used up, nothing more of you is recorded until the month is over or you are given more: ask an"
        " admin of {organization}.",
        button="Open LiveConvo",
        params="organization used limit",
    ),
    "webhook_disabled": _text(
        "A webhook of {organization} was switched off",
        "Nothing that LiveConvo sent to {host} for {organization} arrived any more, so the webhook was switched off.",
        "Look at its deliveries, mend what receives them, switch it on again and replay what failed.",
        button="Open LiveConvo",
        params="organization host",
    ),
    "waitlist_approved": _text(
        "Your place is ready",
        "Hello {name}, you asked for a LiveConvo account: now you can make one, with this address.",
        button="Make the account",
        params="name",
    ),
    "waitlist_invited": _text(
        "You are invited",
        "Hello {name}, we would like you to try LiveConvo. Make your account with this address.",
        button="Make the account",
        params="name",
    ),
    "waitlist_rejected": _text(
        "About your place on the waiting list",
        "Hello {name}, you asked for a LiveConvo account. We cannot give you one at present.",
        params="name",
    ),
    "organization_verified": _text(
        "{organization} is verified",
        "{organization} was verified by those who run this installation. Under another name it will have to be again.",
        button="Open LiveConvo",
        params="organization",
    ),
    "organization_not_verified": _text(
        "{organization} was not verified",
        "Those who run this installation did not verify {organization}. What they say:",
        "{reason}",
        "You may ask again.",
        button="Open LiveConvo",
        params="organization reason",
    ),
}

_PAGE = """\
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{subject}</title></head>
<body style="font-family: sans-serif; line-height: 1.5; max-width: 36em; margin: 2em auto; padding: 0 1em">
{paragraphs}
<p style="color: #666; font-size: 0.85em">LiveConvo, {origin}</p>
</body>
</html>
"""


def check_params(kind: Kind, params: Mapping[str, str]) -> None:
    """
    Raises:
        ValueError: a parameter is missing, unknown, or no link of ours.
    """
    wanted = TEXTS[kind].params
    if params.keys() != wanted:
        raise ValueError(f"a mail of kind {kind} takes {sorted(wanted)}, not {sorted(params)}")
    link = params.get("link", "https://")
    if not link.startswith(("https://", "http://")) or any(character <= " " for character in link):
        raise ValueError(f"the link of a {kind} is not one")


def render(kind: Kind, params: Mapping[str, str], origin: str) -> Rendered:
    """The mail's words; an empty paragraph is left out."""
    text = TEXTS[kind]
    lines = {name: one_line(value) for name, value in params.items()}
    paragraphs = [filled for paragraph in text.paragraphs if (filled := paragraph.format_map(lines))]
    subject = text.subject.format_map(lines)[:200]
    html = [f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs]
    plain = list(paragraphs)
    if text.button:
        html.append(f'<p><a href="{escape(params["link"])}">{escape(text.button)}</a></p>')
        plain.append(f"{text.button}:\n{params['link']}")
    page = _PAGE.format(subject=escape(subject), paragraphs="\n".join(html), origin=escape(origin))
    return Rendered(subject, "\n\n".join([*plain, f"-- \nLiveConvo, {origin}"]) + "\n", page)


def one_line(text: str) -> str:
    """Without line breaks and other characters that steer: they would end a header."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())
