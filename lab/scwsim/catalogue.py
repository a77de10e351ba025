"""What can be rented where: zones, server types with limits and prices, images."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Kind and architecture of the images of each label, in the order of the marketplace: an arm64 one comes first.
IMAGE_KINDS = (("instance_local", "x86_64"), ("instance_sbs", "arm64"), ("instance_sbs", "x86_64"))
IMAGE_SIZE = 10_000_000_000
# Of types for which the documentation names none (assumed).
_QUOTA = 10
IMAGE_OWNER = "51b656e3-4865-41e8-adbc-0c45bdd780db"
IMAGE_DATE = "2026-05-12T15:19:54.934113+00:00"
_NAMESPACE = uuid.UUID("6f0c7c9c-6a53-5f3e-9d5e-000000000000")


@dataclass(frozen=True)
class Image:
    """One image of a label: local ones start from l_ssd, SBS ones from block storage."""

    id: str
    label: str
    name: str
    type: str
    zone: str
    arch: str

    @property
    def root_snapshot(self) -> str:
        """The id of the snapshot that root volumes are made from."""
        return str(uuid.uuid5(_NAMESPACE, self.id))

    @property
    def local(self) -> bool:
        """Whether a server from this image gets a local root volume."""
        return self.type == "instance_local"


class Catalogue:
    """The offer of every zone."""

    def __init__(self) -> None:
        content = json.loads(Path(__file__).with_name("catalogue.json").read_text())
        self._zones: dict[str, dict[str, Any]] = content["zones"]
        self._types: dict[str, dict[str, Any]] = content["server_types"]
        self._images = [
            Image(str(uuid.uuid5(_NAMESPACE, f"{zone}/{label}/{kind}/{arch}")), label, name, kind, zone, arch)
            for zone in self._zones
            for label, name in content["images"].items()
            for kind, arch in IMAGE_KINDS
        ]

    def has_zone(self, zone: str) -> bool:
        """Whether the zone exists."""
        return zone in self._zones

    def images(self, zone: str = "", label: str = "", kind: str = "") -> list[Image]:
        """The images that match; an empty criterion matches all."""
        return [
            image
            for image in self._images
            if zone in {"", image.zone} and label in {"", image.label} and kind in {"", image.type}
        ]

    def image(self, zone: str, reference: str, kind: str = "", arch: str = "") -> Image | None:
        """The image with this id, or with this label and of this kind and architecture."""
        matches = [
            image
            for image in self.images(zone)
            if reference == image.id or (reference, kind, arch) == (image.label, image.type, image.arch)
        ]
        return matches[0] if matches else None

    def arch(self, commercial_type: str) -> str:
        """The architecture of the type."""
        return str(self._types[commercial_type].get("arch", "x86_64"))

    def compatible_types(self, image: Image) -> list[str]:
        """The types of the image's zone that can start from it."""
        return [
            name
            for name in sorted(self._zones[image.zone]["availability"])
            if self.arch(name) == image.arch and (not image.local or self._types[name]["local_storage_max"])
        ]

    def local_storage_max(self, zone: str, commercial_type: str) -> int | None:
        """How many bytes of l_ssd the type allows, None if the zone does not offer the type."""
        if commercial_type not in self._zones[zone]["availability"]:
            return None
        return int(self._types[commercial_type]["local_storage_max"])

    def quota(self, commercial_type: str) -> int:
        """How many servers of the type a verified account may have."""
        return int(self._types[commercial_type].get("quota", _QUOTA))

    def price_factor(self, zone: str) -> float:
        """What the zone's prices are times those of fr-par-1."""
        return float(self._zones[zone]["price_factor"])

    def hourly_price(self, zone: str, commercial_type: str) -> float:
        """EUR for each hour of computing."""
        return float(self._types[commercial_type]["hourly_price"]) * self.price_factor(zone)

    def availability(self, zone: str) -> dict[str, dict[str, str]]:
        """The stock of the zone by server type."""
        return {name: {"availability": stock} for name, stock in self._zones[zone]["availability"].items()}

    def server_types(self, zone: str) -> dict[str, dict[str, Any]]:
        """The products of the zone as the API tells them."""
        factor = self._zones[zone]["price_factor"]
        return {name: _product(self._types[name], factor) for name in sorted(self._zones[zone]["availability"])}


def _product(facts: dict[str, Any], price_factor: float) -> dict[str, Any]:
    speed = facts["bandwidth"]
    internal = facts.get("internal_bandwidth", speed)
    local = bool(facts["local_storage_max"])
    per_volume = {"min_size": 1_000_000_000, "max_size": 800_000_000_000} if local else {"min_size": 0, "max_size": 0}
    scratch_size, scratch_volumes = facts.get("scratch", (0, 0))
    return {
        "alt_names": facts.get("alt_names", []),
        "arch": facts.get("arch", "x86_64"),
        "ncpus": facts["ncpus"],
        "ram": facts["ram"],
        "gpu": facts.get("gpu", 0),
        "gpu_info": facts.get("gpu_info"),
        "mig_profile": None,
        "volumes_constraint": {"min_size": 0, "max_size": facts["local_storage_max"]},
        "per_volume_constraint": {"l_ssd": per_volume},
        "scratch_storage_max_size": scratch_size,
        "scratch_storage_max_volumes_count": scratch_volumes,
        "monthly_price": round(facts["monthly_price"] * price_factor, 6),
        "hourly_price": round(facts["hourly_price"] * price_factor, 6),
        "capabilities": {
            "boot_types": ["local", "rescue"],
            "placement_groups": True,
            "block_storage": True,
            "hot_snapshots_local_volume": local,
            "private_network": 8,
            "max_file_systems": facts.get("file_systems", 0),
        },
        "network": {
            "ipv6_support": True,
            "sum_internal_bandwidth": internal,
            "sum_internet_bandwidth": speed,
            "interfaces": [
                {"internal_bandwidth": inside, "internet_bandwidth": outside}
                for inside, outside in facts.get("interfaces", [(internal, speed)])
            ],
        },
        "block_bandwidth": facts["block_bandwidth"],
        "end_of_service": facts.get("end_of_service", False),
    }


def image_view(image: Image) -> dict[str, Any]:
    """The image as the Instance API tells it."""
    snapshot = image.root_snapshot
    root: dict[str, Any] = (
        {"id": snapshot, "name": image.name, "volume_type": "l_ssd", "size": IMAGE_SIZE}
        if image.local
        else {"id": snapshot, "name": "", "volume_type": "sbs_snapshot", "size": 0}
    )
    return {
        "id": image.id,
        "name": image.name,
        "organization": IMAGE_OWNER,
        "project": IMAGE_OWNER,
        "root_volume": root,
        "extra_volumes": {},
        "public": True,
        "arch": image.arch,
        "creation_date": IMAGE_DATE,
        "modification_date": IMAGE_DATE,
        "default_bootscript": None,
        "from_server": "",
        "state": "available",
        "tags": [],
        "zone": image.zone,
    }
