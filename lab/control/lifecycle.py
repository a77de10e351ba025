"""`script/lab up` and `script/lab down`."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.s3.bucket import Bucket, FillError, fill

from . import docker, images, machine, mirror, network, services, settings
from .errors import LabError

Say = Callable[[str], None]


@contextmanager
def only_one() -> Iterator[None]:
    """Let one `up` or `down` work at a time; the other waits."""
    settings.LOGS.mkdir(parents=True, exist_ok=True)
    with (settings.STATE / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def up(say: Say) -> None:
    """Bring the lab to the state in which a run can begin; what is there already stays."""
    docker.check_daemon()
    with only_one():
        machine_image = images.ensure_image("machine", say)
        services_image = images.ensure_image("services", say)
        cloud_image = images.ensure_image("scwsim", say)
        mirror.offer_rclone(images.environment_program("rclone"), settings.STATIC)
        network.ensure()
        wanted = services.all_services(services_image, cloud_image, machine_image, services.s3_configuration())
        for service in wanted:
            if services.ensure(service):
                say(f"started {service.name} ({service.address})")
        plex_image = images.ensure_plex_image(say)
        _make_media(say, plex_image)
        for service in wanted:
            services.wait_until_ready(service)
        _fill_bucket(say)
        _offer_plex(say, plex_image)
        say("ready")


def _make_media(say: Say, plex_image: str | None) -> None:
    if not (settings.ROOT / "lab" / "media" / "__main__.py").exists():
        say("no lab/media: the bucket stays as it is")
        return
    if not settings.MEDIA.exists():
        say("making the media and the home archive")
    command = ["-m", "lab.media", "--output", str(settings.MEDIA), "--home", str(settings.HOME)]
    command += ["--plex-image", plex_image] if plex_image else []
    done = subprocess.run(
        [sys.executable, *command], cwd=settings.ROOT, capture_output=True, text=True, check=False, timeout=1800
    )
    (settings.LOGS / "media.log").write_text(done.stdout + done.stderr)
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:] or ["no reason given"]
        raise LabError(f"The media could not be made: {last[0]} (log: {settings.LOGS / 'media.log'})")


def _fill_bucket(say: Say) -> None:
    if not settings.MEDIA.exists():
        return
    bucket = Bucket(
        f"http://{settings.S3_ADDRESS}:{settings.S3_PORT}", settings.S3_REGION, settings.S3_BUCKET, settings.S3_ADMIN
    )
    say(f"bucket {settings.S3_BUCKET}: comparing with {settings.MEDIA.relative_to(settings.ROOT)}")
    try:
        fill(images.environment_program("rclone"), settings.MEDIA, bucket)
    except FillError as error:
        raise LabError(str(error)) from error


def _offer_plex(say: Say, tag: str | None) -> None:
    if tag is None:
        say("no lab/plexsim/Dockerfile: the mirror offers no Plex image")
    elif mirror.push(tag):
        say(f"pushed {settings.PLEX_IMAGE} to the mirror")


def down(say: Say, *, purge: bool) -> None:
    """Remove every trace of the lab: rented machines, services, network, volumes, run state."""
    docker.check_daemon()
    with only_one():
        for name in docker.names("container", f"{settings.LABEL}.machine"):
            machine.remove(name)
        label = f"{settings.LABEL}=1"
        for kind, command in (("container", "rm"), ("volume", "volume rm"), ("network", "network rm")):
            found = docker.names(kind, label)
            if found:
                force = () if kind == "network" else ("--force",)
                docker.run(*command.split(), *force, *found, timeout=300)
                say(f"removed {len(found)} {kind}{'s' if len(found) > 1 else ''}")
        _release_mounts()
        # Errors are ignored here and below: there may be nothing, and what stays harms no lab that comes up next.
        for directory in (settings.RUN, settings.LOGS, settings.CACHE):
            shutil.rmtree(directory, ignore_errors=True)
        if purge:
            _remove_images(say)
    if purge:
        shutil.rmtree(settings.STATE, ignore_errors=True)


def _release_mounts() -> None:
    """Unmount what a crashed run left mounted below the state directory, deepest first."""
    table = Path("/proc/self/mountinfo").read_text()
    points = [line.split()[4].replace("\\040", " ") for line in table.splitlines()]
    for point in sorted((p for p in points if Path(p).is_relative_to(settings.STATE)), reverse=True):
        subprocess.run(["umount", "--lazy", point], check=False)


def _remove_images(say: Say) -> None:
    listed = docker.run("image", "ls", "--format", "{{.Repository}}:{{.Tag}}").split()
    plex = f"{settings.PUBLISHED_REGISTRY}/{settings.PLEX_IMAGE}"
    ours = [tag for tag in listed if tag.startswith(f"{settings.IMAGES}/") or tag == plex]
    if ours:
        docker.run("image", "rm", "--force", *ours, timeout=300)
        say(f"removed {len(ours)} images")
