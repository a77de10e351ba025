"""Identity, account, claim, sessions, preferences."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from pathlib import Path

from .core import Core
from .handler import Route
from .preferences import Definition
from .render import Answer, Element, container, refusal
from .request import Request
from .section_preferences import setting
from .settings import VERSION, now


@dataclass(frozen=True)
class ServerApi:
    """Routes about the server itself."""

    core: Core

    def routes(self) -> list[Route]:
        """List them."""
        return [
            ("GET|HEAD", "/identity", self.identity),
            ("GET|HEAD", "/", self.root),
            ("GET", "/status/sessions(?:/background)?", lambda _request: container([])),
            ("GET", "/myplex/account", self.account),
            ("DELETE", "/myplex/account", self.unclaim),
            ("POST", "/myplex/claim", self.claim),
            ("GET", "/:/prefs", self.preferences),
            ("PUT", "/:/prefs", self.change_preferences),
            ("GET", "/:/prefs/get", self.one_preference),
            ("GET", "/services/browse(?:/(.+))?", self.browse),
            ("GET", "/accounts|/devices|/clients|/system/agents", lambda _request: container([])),
        ]

    def identity(self, _request: Request) -> Answer:
        """Tell who this is; the one thing everybody may ask."""
        return container(
            [],
            apiVersion="1.2.3",
            claimed=self.core.claimed,
            machineIdentifier=self.core.machine_identifier,
            version=VERSION,
        )

    def _sign_in_state(self) -> str:
        if not self.core.claimed:
            return "none"
        return "invalid" if self.core.token_revoked else "ok"

    def root(self, _request: Request) -> Answer:
        """Show capabilities and account state."""
        core = self.core
        account: dict[str, object] = {
            "myPlexMappingState": "mapped" if core.claimed else "unknown",
            "myPlexSigninState": self._sign_in_state(),
            "myPlexSubscription": core.entitled,
        }
        if core.claimed:
            account["myPlexUsername"] = core.preferences.get("PlexOnlineUsername")
        if core.entitled:
            account["ownerFeatures"] = "loudness,music-analysis,pass"
        if not core.claimed:
            account |= {"countryCode": ""}
        return container(
            [Element("Directory", {"count": 1, "key": key, "title": key}) for key in ("library", "butler")],
            allowMediaDeletion=core.preferences.on("allowMediaDeletion"),
            allowCameraUpload=False,
            allowChannelAccess=True,
            allowSharing=True,
            allowSync=False,
            apiVersion="1.2.3",
            backgroundProcessing=True,
            certificate=core.claimed,
            companionProxy=True,
            diagnostics="logs,databases,streaminglogs",
            eventStream=True,
            friendlyName=core.preferences.get("FriendlyName") or os.uname().nodename,
            machineIdentifier=core.machine_identifier,
            multiuser=True,
            musicAnalysis=2,
            myPlex=True,
            platform="Linux",
            platformVersion=os.uname().release,
            pluginHost=True,
            readOnlyLibraries=False,
            requestParametersInCookie=True,
            sync=True,
            transcoderActiveVideoSessions=0,
            updatedAt=now(),
            updater=True,
            version=VERSION,
            **account,
        )

    def account(self, _request: Request) -> Answer:
        """Show the account behind the server."""
        core = self.core
        attributes = {
            "authToken": core.token,
            "username": core.preferences.get("PlexOnlineMail"),
            "mappingState": "mapped" if core.claimed else "unknown",
            "mappingError": "",
            "signInState": self._sign_in_state(),
            "publicAddress": "192.0.2.1",
            "publicPort": "0",
            "privateAddress": "127.0.0.1",
            "privatePort": str(core.settings.port),
            "subscriptionFeatures": "loudness,music-analysis,pass" if core.entitled else "",
            "subscriptionActive": core.entitled,
            "subscriptionState": "Active" if core.entitled else "Unknown",
        }
        return Answer(element=Element("MyPlex", attributes))

    def claim(self, request: Request) -> Answer:
        """Exchange a claim token given by a client."""
        signed_in = self.core.plex_tv.exchange(request.query.get("token", ""), self.core.machine_identifier)
        if signed_in is None:
            return refusal(401, "Unauthorized")
        self.core.sign_in(signed_in)
        return self.account(request)

    def unclaim(self, request: Request) -> Answer:
        """Forget the account."""
        self.core.sign_out()
        return self.account(request)

    def _setting(self, item: Definition) -> Element:
        return setting(item, self.core.preferences.get(item.name))

    def preferences(self, _request: Request) -> Answer:
        """List the preferences this account sees."""
        listed = self.core.preferences.listed(with_pass=self.core.entitled)
        return container([self._setting(item) for item in listed])

    def one_preference(self, request: Request) -> Answer:
        """Show one preference."""
        listed = self.core.preferences.listed(with_pass=self.core.entitled)
        found = [item for item in listed if item.name == request.query["id"]]
        return container([self._setting(item) for item in found]) if found else refusal(404, "Not Found")

    def change_preferences(self, request: Request) -> Answer:
        """Set preferences, all or none."""
        wanted = {name: value for name, value in request.query.items() if not name.startswith("X-Plex-")}
        self.core.preferences.change(wanted, with_pass=self.core.entitled)
        return Answer()

    def browse(self, request: Request, encoded: str | None = None) -> Answer:
        """List directories of the server's disk, and files when asked."""
        folder = Path(base64.b64decode(encoded).decode() if encoded else "/")
        if not folder.is_dir():
            return refusal(404, "Not Found")
        children = []
        for path in sorted(folder.iterdir()):
            if not path.is_dir():
                continue
            key = f"/services/browse/{base64.b64encode(str(path).encode()).decode()}"
            names = {"key": key, "path": str(path), "title": path.name}
            children.append(Element("Path", names | {"home": False, "network": False}))
        if request.query.get("includeFiles") == "1":
            files = sorted(path for path in folder.iterdir() if path.is_file())
            children += [Element("File", {"key": str(path), "path": str(path), "title": path.name}) for path in files]
        return container(children)
