# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Speak to plex.tv with python-plexapi, which names ``https://plex.tv`` in the middle of its methods.

A session that sends those requests elsewhere is all that it takes to point the unmodified library at another base
URL (the lab's stand-in). The token travels as a header, as plexapi sends it.
"""

from __future__ import annotations

import typing as t

import requests
from plexapi.myplex import MyPlexAccount
from requests.adapters import HTTPAdapter

PLEX_TV = "https://plex.tv"


class _Elsewhere(HTTPAdapter):
    """Sends what is meant for plex.tv to another base URL."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base.rstrip("/")

    def send(self, request: requests.PreparedRequest, *args: t.Any, **kwargs: t.Any) -> requests.Response:
        """Send a request there."""
        request.url = self.base + (request.url or "").removeprefix(PLEX_TV)
        return super().send(request, *args, **kwargs)


def session_at(base: str) -> requests.Session:
    """Give a session for which plex.tv is at ``base`` (such as ``http://10.0.0.1:8080``)."""
    session = requests.Session()
    if base.rstrip("/") != PLEX_TV:
        session.mount(PLEX_TV, _Elsewhere(base))
    return session


def account(token: str, base: str = PLEX_TV) -> MyPlexAccount:
    """Sign in with the token of an account.

    The result has ``claimToken()``, ``subscriptionActive``, ``devices()`` and on each device ``delete()``.
    Raises ``plexapi.exceptions.Unauthorized`` for a token that plex.tv does not know, ``BadRequest`` for its other
    refusals and ``requests.RequestException`` when nobody answers.
    """
    return MyPlexAccount(token=token, session=session_at(base))
