"""A rented machine whose controller is gone, and what of it can be seen from outside: one machine for all of it.

The tests build on each other: the last one ends the machine.
"""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.control import settings
from lab.scwsim.machine import archive as machine_archive
from module_utils import ledger
from tests.canaries import holders_in, holders_on

from .conftest import CLOUD, docker, rclone_environment, wait_for
from .rented import ZONE, call
from .rented_role import GIVE_BACK, RENT, ROOT, Role

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("lab")]

SWITCH = "plex-burst-switch"
SETTINGS = "/etc/plex-burst/switch.json"
STATE = "/var/lib/plex-burst/switch-state.json"
DATABASES = "/srv/plex-burst/config/Library/Application Support/Plex Media Server/Plug-in Support/Databases"
GIVEN_UP = "/srv/plex-burst/guard/given_up.json"
PLACE = f"library:{settings.S3_BUCKET}/dead-man"
YEAR = 365 * 86400.0
# The door is shut to all of it: Plex, the remote control of rclone, Docker, and what is not there.
SHUT = (32400, 5572, 2375, 111, 80)
KNOCK = """
import concurrent.futures, socket, sys
address, ports = sys.argv[1], sys.argv[2:]
def answers(port):
    try:
        socket.create_connection((address, int(port)), timeout=2).close()
        return True
    except OSError:
        return False
with concurrent.futures.ThreadPoolExecutor(len(ports)) as pool:
    print(*(port for port, yes in zip(ports, pool.map(answers, ports)) if yes))
"""


class Machine:
    """The rented machine as Docker has it: looking at it is no sign of life of a controller."""

    def __init__(self, role: Role) -> None:
        self.role = role
        self.facts: dict[str, Any] = ledger.read(role.run_dir)["machine"]
        self.url = f"{ZONE}/servers/{self.facts['server_id']}"
        self.container = f"{settings.PREFIX}-srv-{self.facts['server_id']}"

    def run(self, *words: str, given: str = "") -> str:
        command = ["docker", "exec", "--interactive", self.container, *words]
        done = subprocess.run(command, input=given, capture_output=True, text=True, check=True, timeout=300)
        return done.stdout.strip()

    def attempt(self, *words: str) -> str:
        command = ["docker", "exec", self.container, *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300).stdout.strip()

    def server_state(self) -> str:
        answered = call("GET", self.url)[1]
        return str(answered["server"]["state"] if "server" in answered else answered["type"])

    def switch_state(self) -> dict[str, Any]:
        """What the switch wrote last; nothing before, or while the machine is down."""
        text = self.attempt("cat", STATE)
        return dict(json.loads(text)) if text else {}

    def read(self, path: str) -> dict[str, Any]:
        """A JSON file of the machine, which may be off."""
        with tarfile.open(fileobj=io.BytesIO(self.copied("cp", f"{self.container}:{path}", "-"))) as archive:
            (member,) = archive.getmembers()
            return dict(json.load(archive.extractfile(member) or io.BytesIO()))

    def change(self, path: str, **values: Any) -> None:
        """Change such a file, while the timer rests."""
        self.attempt("systemctl", "stop", f"{SWITCH}.timer", f"{SWITCH}.service")
        packed = machine_archive({Path(path).name: json.dumps({**self.read(path), **values})})
        self.copied("cp", "-", f"{self.container}:{Path(path).parent}", given=packed)

    def copied(self, *words: str, given: bytes = b"") -> bytes:
        return subprocess.run(["docker", *words], input=given, capture_output=True, check=True, timeout=300).stdout

    def arm(self) -> None:
        self.run("systemctl", "start", f"{SWITCH}.timer")

    def running_meters(self) -> list[str]:
        """What the provider bills this run for at this moment."""
        with urllib.request.urlopen(f"{CLOUD}/_lab/bill", timeout=10) as answer:
            lines = json.load(answer)["lines"]
        return sorted(line["kind"] for line in lines if line["run"] == self.role.run_id and line["running"])


@pytest.fixture(scope="module")
def machine(lab: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    role = Role(tmp_path_factory.mktemp("dead-man"))
    ours = yaml.safe_load((ROOT / "group_vars/all/main.yml").read_text())
    words: tuple[str, ...] = (
        "burst_stop_plex",
        "burst_copy_away",
        "burst_rclone",
        "burst_target_dir",
        "scaleway_instance_switch_before",
        "scaleway_instance_given_up_note",
    )
    try:
        role.variables = {
            **{name: ours[name] for name in words},
            "burst_checkpoint_remote": PLACE,
            "burst_databases_dir": DATABASES,
            "burst_run_id": role.run_id,
            "scaleway_instance_silence_hours": 0.5,
            "scaleway_instance_prepull": [settings.PLEX_IMAGE],
        }
        role.done(RENT)
        yield Machine(role)
    finally:
        # The owner comes home: what the machine could not remove itself goes, and that nothing is left is proven.
        role.done(GIVE_BACK)
    assert role.left() == []


@pytest.fixture(scope="module")
def plex(machine: Machine, program: str) -> None:
    """A server that works on the databases, and a configuration whose key may write to the bucket."""
    config = "\n".join(
        f"{name.removeprefix('RCLONE_CONFIG_LAB_').lower()} = {value}"
        for name, value in rclone_environment(settings.S3_ADMIN).items()
        if name.startswith("RCLONE_CONFIG_LAB_")
    )
    machine.run("sh", "-c", "umask 077; cat >/etc/plex-burst/rclone.conf", given=f"[library]\n{config}\n")
    publish = ("--publish", "0.0.0.0:32400:32400", "--volume", "/srv/plex-burst/config:/config")
    machine.run("docker", "run", "--detach", "--name", "plex", *publish, settings.PLEX_IMAGE)
    answered = ("curl", "--silent", "--retry", "240", "--retry-connrefused", "--retry-delay", "1", "--retry-all-errors")
    machine.run(*answered, "--fail", "--output", "/dev/null", "http://127.0.0.1:32400/identity")


@pytest.fixture(scope="module")
def program(machine: Machine) -> str:
    """rclone where the role fuse_rclone installs it."""
    version = settings.RCLONE_VERSION
    release = f"rclone-{version}-linux-amd64"
    source = f"http://{settings.MIRROR_ADDRESS}:{settings.STATIC_PORT}/rclone/{version}/{release}.zip"
    machine.run("sh", "-c", f"cd /opt && curl -fsSO {source} && unzip -qo {release}.zip -d plex-burst")
    return f"/opt/plex-burst/{release}/rclone"


def answering(address: str, knocker: str = "") -> set[int]:
    """Which of the ports answer to this computer, or to another machine of the network."""
    where = ["docker", "exec", knocker] if knocker else []
    ports = [str(port) for port in (22, *SHUT)]
    done = subprocess.run(
        [*where, "python3", "-c", KNOCK, address, *ports], capture_output=True, text=True, check=True, timeout=300
    )
    return {int(port) for port in done.stdout.split()}


@pytest.mark.usefixtures("plex")
def test_nothing_but_ssh_answers_and_that_to_the_controller_alone(machine: Machine) -> None:
    machine.run("systemd-run", "--quiet", "python3", "-m", "http.server", "5572")
    machine.run("curl", "-fsS", "--retry", "240", "--retry-connrefused", "-o", "/dev/null", "http://127.0.0.1:5572")
    address = str(machine.facts["address"])
    assert answering(address) == {22}
    assert answering(address, f"{settings.PREFIX}-scwsim") == set()
    assert {22, 5572, 32400} <= answering(address, machine.container), "the same knocking, from behind the door"


def test_it_is_armed_with_the_deadline_of_its_owner_and_a_key_that_root_alone_reads(machine: Machine) -> None:
    armed = machine.read(SETTINGS)
    assert (armed["silence_seconds"], armed["given_up_seconds"]) == (1800, 7200)
    assert armed["before"][:2] == [["systemctl", "stop", "plex-burst-guard.service"], ["docker", "unpause", "plex"]]
    assert armed["given_up"] == GIVEN_UP
    assert armed["before"][-1][-1] == f"{PLACE}/{machine.role.run_id}/last"
    assert machine.run("stat", "-c", "%a %U", SETTINGS) == "600 root"
    assert armed["secret_key"] not in {"", settings.CLOUD_TOKEN}


@pytest.mark.usefixtures("plex")
def test_no_secret_is_in_a_file_that_anybody_on_the_machine_may_read(machine: Machine) -> None:
    host_key = (machine.role.run_dir / "ssh/host_ed25519").read_text().splitlines()[1]
    secrets = [settings.CLOUD_TOKEN, settings.S3_ADMIN[1], machine.read(SETTINGS)["secret_key"], host_key]
    kept = holders_on(machine.container, secrets, open_to_others=False)
    assert {SETTINGS, "/etc/plex-burst/rclone.conf", "/etc/ssh/ssh_host_ed25519_key"} <= set(kept), "it can find them"
    assert holders_on(machine.container, secrets, open_to_others=True) == []
    assert holders_on(machine.container, [settings.CLOUD_TOKEN], open_to_others=False) == [], "it stays home"
    assert holders_in(machine.role.run_dir, [settings.CLOUD_TOKEN, machine.read(SETTINGS)["secret_key"]]) == []
    machine.run("chmod", "o+r", SETTINGS)
    assert holders_on(machine.container, secrets, open_to_others=True) == [SETTINGS], "it sees one that is open"
    machine.run("chmod", "o-r", SETTINGS)


def test_a_machine_that_says_it_is_another_one_is_sent_nothing(machine: Machine) -> None:
    known = "/var/lib/cloud/data/instance-id"
    ours = machine.run("cat", known)
    machine.run("tee", known, given="somebody-elses\n")
    refused = machine.role.play(RENT)
    machine.run("tee", known, given=f"{ours}\n")
    assert refused.returncode != 0
    assert "says that it is somebody-elses" in " ".join(refused.stdout.split())
    assert "Arm the dead-man switch" not in refused.stdout


def test_it_outlives_a_reboot(machine: Machine) -> None:
    before = wait_for(machine.switch_state, bool, 300)
    booted = machine.run("stat", "-c", "%Y", "/run/systemd/system")
    rebooted_at = time.time_ns()
    machine.attempt("systemctl", "reboot")
    wait_for(lambda: machine.attempt("stat", "-c", "%Y", "/run/systemd/system"), lambda at: at not in {"", booted}, 300)
    after = wait_for(machine.switch_state, lambda state: state.get("elapsed", 0) > before["elapsed"], 300)
    # The last sign of life may be younger than what the switch had seen of it, but it is none of the reboot's.
    assert after["tries"] == 0
    assert before["beat"] <= after["beat"] < rebooted_at
    assert machine.run("systemctl", "is-active", f"{SWITCH}.timer") == "active"


@pytest.mark.parametrize("ahead", [YEAR, -YEAR], ids=["ahead", "back"])
def test_a_clock_that_jumps_ends_nothing(machine: Machine, ahead: float) -> None:
    # The clock of a container is its host's; seen from the state, it has jumped all the same.
    machine.change(STATE, wall=machine.switch_state()["wall"] - ahead)
    before = machine.switch_state()
    machine.arm()
    after = wait_for(machine.switch_state, lambda state: state.get("wall", before["wall"]) != before["wall"], 300)
    assert 0 <= after["elapsed"] - before["elapsed"] < 600
    assert (after["tries"], machine.server_state()) == (0, "running")


def test_without_a_key_it_powers_off_which_bills_on_and_says_so(machine: Machine) -> None:
    # Debian keeps its journal on the disk, the lab's machines do not.
    machine.run("sh", "-c", "echo Storage=persistent >>/etc/systemd/journald.conf.d/90-lab.conf")
    machine.run("systemctl", "restart", "systemd-journald")
    machine.run("journalctl", "--flush")
    armed, state = machine.read(SETTINGS), machine.read(STATE)
    machine.change(SETTINGS, secret_key="", before=[], hard_seconds=1)
    machine.arm()
    wait_for(machine.server_state, lambda state: state == "stopped in place", 300)
    assert machine.running_meters() == ["ip", "server", "volume"]
    # Else it would end itself again as soon as it is on.
    machine.change(SETTINGS, **armed)
    machine.change(STATE, **state)
    assert call("POST", f"{machine.url}/action", {"action": "poweron"})[0] == 202
    wait_for(machine.server_state, lambda state: state == "running", 300)
    journal = ("journalctl", "--unit", SWITCH, "--output", "cat")
    said = wait_for(lambda: machine.attempt(*journal), lambda text: "powering off" in text, 300)
    assert "there is no key for the API" in said
    assert "powering off; this machine costs money until it is removed through the API" in said


@pytest.mark.usefixtures("plex")
def test_a_machine_whose_controller_is_gone_stops_plex_saves_the_work_and_ends_itself(
    machine: Machine, program: str
) -> None:
    machine.attempt("docker", "start", "plex")
    armed = machine.read(SETTINGS)
    rclone = f"{program} --config /etc/plex-burst/rclone.conf"
    asked = "curl --silent --unix-socket /run/docker.sock http://docker/containers/plex/json"
    told = f"{asked} | {rclone} rcat {PLACE}/{machine.role.run_id}/told"
    machine.change(SETTINGS, silence_seconds=2, before=[*armed["before"], ["sh", "-c", told]])
    machine.arm()
    wait_for(machine.server_state, lambda state: state == "not_found", 300)

    assert machine.running_meters() == []
    left = {row.split()[0] for row in machine.role.left()}
    assert left == {"security_groups", "applications", "policies"}, "what the machine may not remove costs nothing"
    calls = [json.loads(line) for line in (settings.LOGS / "scwsim.jsonl").read_text().splitlines()]
    ended = [line for line in calls if line.get("path") == f"{machine.url.removeprefix(CLOUD)}/action"][-1]
    assert "terminate" in ended["body"]
    assert ended["key"] not in {"", settings.CLOUD_ACCESS_KEY}, "it is the machine's own key"
    assert docker("ps", "--all", "--quiet", "--filter", f"name={machine.container}") == ""
    saved = saved_files(machine.role.run_id)
    plex = json.loads(saved["told"])["State"]
    assert (plex["Status"], plex["ExitCode"]) == ("exited", 0), "Plex had ended before the databases were copied"
    assert saved["last/com.plexapp.plugins.library.db"].startswith("SQLite format 3")
    assert "last/com.plexapp.plugins.library.blobs.db" in saved


def saved_files(run_id: str) -> dict[str, str]:
    """What the machine left in the bucket, and the first bytes of each."""
    program = ROOT / ".venv/bin/rclone"
    place = f"LAB:{settings.S3_BUCKET}/dead-man/{run_id}"

    def rclone(*words: str) -> str:
        done = subprocess.run(
            [str(program), *words], env=rclone_environment(settings.S3_ADMIN), capture_output=True, check=True
        )
        return done.stdout.decode(errors="replace")

    names = rclone("lsf", "--recursive", "--files-only", place).splitlines()
    found = {name: rclone("cat", "--head", "65536", f"{place}/{name}") for name in names}
    rclone("purge", place)
    return found
