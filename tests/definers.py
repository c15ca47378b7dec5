"""Functions that run as the owner and so see every tenant: each with the roles that may call it, and why it must."""

from __future__ import annotations

API, MEDIA, JOBS = "liveconvo_api", "liveconvo_media", "liveconvo_jobs"
BY_DATABASE = frozenset[str]()
"""Nobody calls it: triggers and other functions do."""

DEFINERS: dict[str, tuple[frozenset[str], str]] = {
    # who somebody is: a policy cannot ask a table that has a policy of its own
    "is_platform_admin": (frozenset({API}), "reads one's own flag"),
    "my_organization_ids": (frozenset({API}), "reads one's own memberships"),
    "my_managed_organization_ids": (frozenset({API}), "reads one's own memberships"),
    "my_owned_organization_ids": (frozenset({API}), "reads one's own memberships"),
    "my_verified_email": (frozenset({API}), "reads one's own address"),
    "look_up_readable": (frozenset({API}), "reads one's own memberships and doors"),
    "has_call": (frozenset({MEDIA}), "what a node may write hangs on the lease"),
    # credentials: nobody is known yet
    "authenticate": (frozenset({API}), "takes the sha256 of a cookie"),
    "authenticate_api_key": (frozenset({API}), "takes the sha256 of a key"),
    "end_app_session": (frozenset({API}), "takes the sha256 of a cookie"),
    "find_credentials": (frozenset({API}), "takes an address, returns what a password is checked against"),
    "find_invitation": (frozenset({API}), "takes the sha256 of a link"),
    "find_invite": (frozenset({API}), "takes the sha256 of a link"),
    "find_ticket": (frozenset({MEDIA}), "takes the sha256 of a ticket"),
    "open_share_link": (frozenset({API}), "takes the sha256 of a link"),
    "participant_of_ticket": (frozenset({API}), "takes the sha256 of a ticket"),
    "redeem_sign_in_link": (frozenset({API}), "takes the sha256 of a link"),
    "redeem_ticket": (frozenset({MEDIA}), "takes the sha256 of a ticket"),
    # strangers
    "join_waitlist": (frozenset({API}), "a stranger puts themselves down and reads nothing"),
    "waitlist_status": (frozenset({API}), "says of one address where it stands"),
    "receive_stripe_event": (frozenset({API}), "keeps what Stripe signed, returns whether it is new"),
    # what crosses two tables or organizations, by whoever is known
    "accept_invitation": (frozenset({API}), "makes the member that the invitation promised"),
    "close_account": (frozenset({JOBS}), "part of delete_account, and of erasure"),
    "create_organization": (frozenset({API}), "an organization, its owner and its plan together"),
    "decline_invitation": (frozenset({API}), "by whoever holds the link"),
    "delete_account": (frozenset({API}), "closes one's own account in all organizations"),
    "delete_organization": (frozenset({API}), "by an owner"),
    "free_seats": (BY_DATABASE, "part of accept_invitation"),
    "hold_invitation": (BY_DATABASE, "part of accept_invitation and decline_invitation"),
    "leave_organization": (frozenset({API}), "ends one's own membership"),
    "lock_organization": (BY_DATABASE, "part of what changes members"),
    "move_out": (BY_DATABASE, "part of what ends a membership"),
    "my_invitations": (frozenset({API}), "those that were sent to one's proven address"),
    "organization_people": (frozenset({API}), "names and addresses of colleagues, and no more of them"),
    "remove_member": (frozenset({API}), "by a manager"),
    "require_member_change": (BY_DATABASE, "part of what changes members"),
    "set_member_limits": (frozenset({API}), "by a manager"),
    "set_member_role": (frozenset({API}), "by a manager; owners by an owner"),
    "switch_organization": (frozenset({API}), "to one of one's own"),
    # the door and the audit log
    "close_admin_door": (frozenset({API}), "by the platform's admin who opened it"),
    "first_broken_audit": (frozenset({API, JOBS}), "walks one chain of the audit log"),
    "open_admin_door": (frozenset({API}), "by a platform's admin, with a row in the audit log"),
    "append_audit": (BY_DATABASE, "the only way into the audit log"),
    "write_audit": (frozenset({API, JOBS}), "the same, into no chain of somebody else's"),
    # usage
    "add_usage_seconds": (frozenset({MEDIA}), "how nodes of the release before count"),
    "count_recorded_sessions": (BY_DATABASE, "part of the counters' triggers"),
    "derive_usage": (BY_DATABASE, "part of the ledger's triggers"),
    "sum_up_usage": (BY_DATABASE, "part of the ledger's triggers"),
    "usage_limit": (frozenset({API, MEDIA}), "reads plan, organization and member at once"),
    # triggers
    "audit_change": (BY_DATABASE, "writes the audit log, whoever changes something"),
    "chain_audit": (BY_DATABASE, "reads the row before"),
    "check_invitation_role": (BY_DATABASE, "reads the inviter's membership"),
    "check_session": (BY_DATABASE, "reads whose session it is"),
    "check_session_template": (BY_DATABASE, "reads whose playbook it is"),
    "count_new_sessions": (BY_DATABASE, "writes the member's counters"),
    "count_template_use": (BY_DATABASE, "writes the playbook's counter"),
    "derive_from_intervals": (BY_DATABASE, "writes the minutes"),
    "new_organization_needs_owner": (BY_DATABASE, "reads the members"),
    "note_consent": (BY_DATABASE, "writes the evidence"),
    "organization_needs_owner": (BY_DATABASE, "reads the members"),
    "place_usage": (BY_DATABASE, "writes the minutes"),
    "refuse_erased": (BY_DATABASE, "reads the session"),
    "require_owner": (BY_DATABASE, "reads the members, part of the two above"),
    "sum_up_minutes": (BY_DATABASE, "writes months and counters"),
}
