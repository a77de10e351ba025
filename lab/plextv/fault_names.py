"""The faults of the plex.tv stand-in: the one place where they have their names."""

from __future__ import annotations

from ..plexsim.plexsim.faults import Fault

FAULTS: dict[str, Fault] = {
    fault.name: fault
    for fault in (
        Fault("claim_refused", "no claim token is exchanged"),
        Fault("claim_expired", "every claim token is too old"),
        Fault("late_token", "a server gets its token, but has it in Preferences.xml only later", {"seconds": 30.0}),
        Fault("account_no_pass", "the account's subscription is not active"),
        Fault("account_token_revoked", "every token of the account is refused with 401"),
        Fault("plex_tv_down", "every request is answered 503"),
        Fault("plex_tv_slow", "every answer waits", {"seconds": 5.0}),
    )
}
