# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a machine costs: EUR without VAT, by the hour and by the run.

Compute prices are the provider's own when its price list was read, else those recorded on a date that is said.
The provider lists no price of local disks and addresses beside its machines: those are recorded ones always.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

# products/servers of fr-par-1 on this day; zones 1 and 2 of Paris, Amsterdam and Warsaw were equal.
COMPUTE_DATE = "2026-07-30"
COMPUTE = {
    "DEV1-S": 0.008976,
    "DEV1-M": 0.020196,
    "DEV1-L": 0.04284,
    "DEV1-XL": 0.065076,
    "GP1-XS": 0.09282,
    "GP1-S": 0.19074,
    "GP1-M": 0.38352,
    "GP1-L": 0.77418,
}
# The provider's instances FAQ of this month, per GB and hour, and per address and hour.
STORAGE_DATE = "2025-03"
STORAGE = {"l_ssd": 0.000044, "sbs_volume": 0.000118}
ADDRESS = 0.004
# Paris 3 costs half as much again, compute and block storage alike.
DEAR_ZONES = {"fr-par-3": 1.5}
# Each resource is billed for an hour at least.
LEAST_HOURS = 1.0
GIGABYTE = 10**9


@dataclass(frozen=True)
class Price:
    """EUR per hour of a machine's parts, and where the price of the machine itself comes from."""

    compute: float
    volume: float
    address: float
    source: str

    @property
    def hourly(self) -> float:
        """All of it, per hour."""
        return self.compute + self.volume + self.address

    def as_facts(self) -> dict[str, Any]:
        """The form in which the ledger keeps it."""
        return {**asdict(self), "hourly": round(self.hourly, 6)}


def volume_price(volume_type: str, size: int, zone: str) -> float:
    """EUR per hour of a volume of `size` bytes; a kind that is not known costs as much as block storage."""
    rate = STORAGE.get(volume_type, STORAGE["sbs_volume"])
    factor = 1.0 if volume_type == "l_ssd" else DEAR_ZONES.get(zone, 1.0)
    return rate * factor * size / GIGABYTE


def compute_price(zone: str, commercial_type: str, types: Mapping[str, Any]) -> tuple[float, str] | None:
    """EUR per hour of the machine itself and where this comes from; None when nobody knows."""
    live = types.get(commercial_type, {}).get("hourly_price")
    if isinstance(live, int | float) and live > 0:
        return float(live), "the provider's price list"
    recorded = COMPUTE.get(commercial_type)
    return None if recorded is None else (recorded * DEAR_ZONES.get(zone, 1.0), f"prices of {COMPUTE_DATE}")


def machine_price(
    zone: str, commercial_type: str, volume_type: str, volume_size: int, types: Mapping[str, Any]
) -> Price | None:
    """The price of a machine with one volume and one IPv4 address; types is the live list, or empty."""
    compute = compute_price(zone, commercial_type, types)
    if compute is None:
        return None
    return Price(compute[0], volume_price(volume_type, volume_size, zone), ADDRESS, compute[1])


def resource_price(kind: str, resource: Mapping[str, Any], zone: str, types: Mapping[str, Any]) -> float | None:
    """EUR per hour of one listed resource: servers, volumes, block_volumes, ips cost, nothing else does."""
    match kind:
        case "servers":
            # Powered off through the API; one that shut itself down is "stopped in place" and costs as ever.
            if resource.get("state") == "stopped":
                return 0.0
            compute = compute_price(zone, str(resource.get("commercial_type")), types)
            return compute[0] if compute else None
        case "volumes" | "block_volumes":
            kind_of_disk = resource.get("volume_type") or ("l_ssd" if kind == "volumes" else "sbs_volume")
            return volume_price(str(kind_of_disk), int(resource.get("size") or 0), zone)
        case "ips":
            return ADDRESS
        case _:
            return 0.0


def cost(hourly: float, hours: float) -> float:
    """EUR for so many hours, of which one is billed at least."""
    return hourly * max(hours, LEAST_HOURS)


def hours_for(hourly: float, euros: float) -> float:
    """How many hours the money lasts; 0 when it does not pay the first."""
    hours = euros / hourly if hourly > 0 else float("inf")
    return hours if hours >= LEAST_HOURS else 0.0


def spent(machine: Mapping[str, Any], now: datetime) -> float | None:
    """EUR that the machine of a ledger has cost until now, or until it was gone; None before there is one."""
    intent, price = machine.get("intent") or {}, machine.get("price") or {}
    if "at" not in intent or "hourly" not in price or (machine.get("refused") and not machine.get("server_id")):
        return None
    end = moment(str(machine["gone_at"])) if machine.get("gone_at") else now
    return cost(float(price["hourly"]), max((end - moment(intent["at"])).total_seconds(), 0.0) / 3600)


def moment(text: str) -> datetime:
    """A moment as the ledger and the tags write it, `2026-08-22T10:00:00Z`."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def euros(amount: float) -> str:
    """`0.014 EUR`: three digits below one, two above."""
    return f"{amount:.3f} EUR" if amount < 1 else f"{amount:.2f} EUR"
