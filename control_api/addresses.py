"""One spelling for each e-mail address, so that an account, an invitation and a limit mean the same person.

Rules:
- Letters become small. Dots and plus signs stay: whether they mean anything is the mail provider's to say.
- The local part is plain ASCII (RFC 5321 dot-atom): letters that only look alike would be somebody else's account.
- An international domain becomes its ASCII form (IDNA 2008, UTS 46), which is what mail is sent to.
"""

from __future__ import annotations

import re

import idna

MAX_ADDRESS, MAX_LOCAL = 254, 64
_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")


def normalized(address: str) -> str:
    """
    Raises:
        ValueError: it is no address that mail can be sent to.
    """
    local, at, domain = address.strip(" ").rpartition("@")
    if not at or not local.isascii() or not _LOCAL.fullmatch(local.lower()) or len(local) > MAX_LOCAL:
        raise ValueError("must be an e-mail address")
    plain = f"{local.lower()}@{_plain(domain)}"
    if len(plain) > MAX_ADDRESS:
        raise ValueError("must be an e-mail address of at most 254 characters")
    return plain


def _plain(domain: str) -> str:
    try:
        plain = domain.lower() if domain.isascii() else idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        raise ValueError("must have a domain that exists in the DNS") from None
    if not all(_LABEL.fullmatch(label) for label in plain.split(".")):
        raise ValueError("must have a domain that exists in the DNS")
    return plain
