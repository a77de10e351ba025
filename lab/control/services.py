"""The lab's own containers: what they are, and how to tell that they work."""

from __future__ import annotations

import hashlib
import json
import time
import urllib.error
import urllib.request
from dataclasses import asdict
from pathlib import Path

from lab.s3.access import configuration

from . import docker, machine, settings
from .errors import LabError
from .service import Service, storage

_CONFIG_LABEL = f"{settings.LABEL}.config"
_READY_SECONDS = 60


def all_services(image: str, cloud_image: str, machine_image: str, s3_identities: Path) -> tuple[Service, ...]:
    """The services in the order in which they are started."""
    machine_options = asdict(machine.options(machine_image))
    return (
        Service(
            name="mirror",
            address=settings.MIRROR_ADDRESS,
            image=image,
            command=("mirror",),
            health=(
                f"http://{settings.MIRROR_ADDRESS}:{settings.REGISTRY_PORT}/v2/",
                f"http://{settings.MIRROR_ADDRESS}:{settings.STATIC_PORT}/rclone/",
            ),
            options=(
                *("--network-alias", "mirror.lab"),
                *("--publish", f"{settings.PUBLISHED_REGISTRY}:{settings.REGISTRY_PORT}"),
                *storage("registry", "/var/lib/registry"),
                *("--volume", f"{settings.STATIC}:/srv/static:ro"),
            ),
        ),
        Service(
            name="s3",
            address=settings.S3_ADDRESS,
            image=image,
            command=(
                *("weed", "-logtostderr=true", "server", "-s3", "-filer", "-dir=/data"),
                *(f"-ip={settings.S3_ADDRESS}", "-ip.bind=0.0.0.0", f"-s3.port={settings.S3_PORT}"),
                *(
                    "-s3.config=/etc/lab/s3.json",
                    "-master.volumeSizeLimitMB=256",
                    "-master.electionTimeout=1s",
                    "-volume.max=0",
                ),
            ),
            health=(f"http://{settings.S3_ADDRESS}:{settings.S3_PORT}/healthz",),
            options=(
                *("--network-alias", "s3.lab"),
                *storage("s3", "/data"),
                *("--volume", f"{s3_identities}:/etc/lab/s3.json:ro"),
            ),
        ),
        Service(
            name="scwsim",
            address=settings.CLOUD_ADDRESS,
            image=cloud_image,
            command=("python3", "-m", "scwsim"),
            health=(f"http://{settings.CLOUD_ADDRESS}:{settings.CLOUD_PORT}/_lab/health",),
            options=(
                *("--volume", "/var/run/docker.sock:/var/run/docker.sock"),
                *storage("scwsim", "/state"),
                *("--volume", f"{settings.LOGS}:/log"),
            ),
            environment={
                "SCWSIM_TOKEN": settings.CLOUD_TOKEN,
                "SCWSIM_ACCESS_KEY": settings.CLOUD_ACCESS_KEY,
                "SCWSIM_PROJECT": settings.CLOUD_PROJECT,
                "SCWSIM_PORT": str(settings.CLOUD_PORT),
                "SCWSIM_STATE": "/state/state.json",
                "SCWSIM_LOG": "/log/scwsim.jsonl",
                "SCWSIM_MACHINE": json.dumps(machine_options),
            },
        ),
        Service(
            name="plextv",
            address=settings.PLEX_TV_ADDRESS,
            image=image,
            command=("python3", "-m", "lab.plextv"),
            health=(f"http://{settings.PLEX_TV_ADDRESS}:{settings.PLEX_TV_PORT}/_lab/health",),
            options=(*storage("plextv", "/state"), "--volume", f"{settings.LOGS}:/log"),
            environment={
                "PLEXTV_PORT": str(settings.PLEX_TV_PORT),
                "PLEXTV_TOKEN": settings.PLEX_TV_TOKEN,
                "PLEXTV_STANDING_CLAIM": settings.PLEX_TV_STANDING_CLAIM,
                "PLEXTV_STATE": "/state",
                "PLEXTV_LOG": "/log/plextv.jsonl",
            },
        ),
        Service(
            name="s3fault",
            address=settings.S3_FAULT_ADDRESS,
            image=image,
            command=(
                *("python3", "-m", "lab.s3fault", "--listen", f"0.0.0.0:{settings.S3_PORT}"),
                *("--to", f"{settings.S3_ADDRESS}:{settings.S3_PORT}"),
                *("--admin", f"0.0.0.0:{settings.S3_FAULT_ADMIN_PORT}"),
            ),
            health=(f"http://{settings.S3_FAULT_ADDRESS}:{settings.S3_FAULT_ADMIN_PORT}/_lab/faults",),
            options=("--network-alias", settings.S3_FAULT_NAME),
        ),
    )


def s3_configuration() -> Path:
    """Write who may do what in S3; the name tells the content, so that a change makes another container."""
    settings.RUN.mkdir(parents=True, exist_ok=True)
    content = configuration(settings.S3_ADMIN, settings.S3_READER)
    path = settings.RUN / f"s3-{hashlib.sha256(content.encode()).hexdigest()[:12]}.json"
    path.write_text(content)
    return path


def ensure(service: Service) -> bool:
    """Start the container if it is not there, replace it if it should be another; tells if it did."""
    facts = docker.inspect("container", service.container)
    if facts is not None and (facts["Config"]["Labels"] or {}).get(_CONFIG_LABEL) == service.digest():
        if facts["State"]["Running"]:
            return False
        # Also what is left of a daemon that was killed: the container is there, its network may not be.
        if docker.attempt("start", service.container).returncode == 0:
            return True
    if facts is not None:
        docker.run("rm", "--force", service.container)
    labels = ("--label", f"{settings.LABEL}=1", "--label", f"{_CONFIG_LABEL}={service.digest()}")
    # Names alone: a value in a command line is seen by everybody.
    names = (part for name in service.environment for part in ("--env", name))
    done = docker.attempt(
        "run",
        "--detach",
        *("--name", service.container, "--hostname", service.name, "--restart", "unless-stopped", "--init"),
        *("--network", settings.NETWORK, "--ip", service.address),
        *labels,
        *service.options,
        *names,
        service.image,
        *service.command,
        environment=service.environment,
    )
    if done.returncode:
        docker.attempt("rm", "--force", service.container)
        raise LabError(_refusal(service, done.stderr))
    return True


def _refusal(service: Service, reason: str) -> str:
    text = reason.lower()
    if "port is already allocated" in text or "address already in use" in text:
        published = settings.PUBLISHED_REGISTRY
        return (
            f"The lab's {service.name} needs {published} and {service.address}, one of which is taken; "
            "stop what uses it (ss -ltnp, docker ps) and run script/lab up again."
        )
    last = reason.strip().splitlines()[-1:] or ["no reason given"]
    return f"The lab's {service.name} could not be started: {last[0]}."


def answers(address: str) -> bool:
    """Whether a GET of the address succeeds."""
    try:
        with urllib.request.urlopen(address, timeout=2) as answer:
            return bool(200 <= answer.status < 300)
    except (urllib.error.URLError, OSError):
        return False


def wait_until_ready(service: Service) -> None:
    """Wait until every health address of the service answers."""
    deadline = time.monotonic() + _READY_SECONDS
    for address in service.health:
        while not answers(address):
            if time.monotonic() > deadline:
                tail = docker.attempt("logs", "--tail", "3", service.container)
                said = " / ".join((tail.stderr + tail.stdout).split("\n")).strip(" /")
                raise LabError(
                    f"The lab's {service.name} did not answer on {address} within {_READY_SECONDS} s; "
                    f"its last words: {said or 'none'} (docker logs {service.container})."
                )
            time.sleep(0.1)
