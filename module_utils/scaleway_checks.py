# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What can be known to fail before anything is asked for that costs money: key, type, disk, stock, price, clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .prices import Price, euros, hours_for, machine_price
from .scaleway_client import Client, list_resources
from .scaleway_errors import Answer, ScalewayError, refuse
from .scaleway_judgement import UUID, Identity, choose_image, type_problem

# A clock that is wrong by more would end the machine, its key and its tag at another time than meant.
MOST_SKEW = timedelta(minutes=5)
# Of the time that the money pays for: what bringing the databases home may take, and at least so many seconds of it.
RESERVE = 0.1
LEAST_RESERVE = 900.0
# Of the days until the machine ends itself a tenth would be hours; the largest library is home after two.
MOST_RESERVE = 7200.0


@dataclass(frozen=True)
class Wish:
    """The machine as it should be; fallbacks are the (zone, type) to try, in order, when it is out of stock."""

    commercial_type: str
    volume_type: str
    volume_size: int
    image: str
    tags: tuple[str, ...]
    cloud_init: str
    ssh_from: tuple[str, ...]
    fallbacks: tuple[tuple[str, str], ...] = ()
    # EUR that the run may cost; 0 for any.
    max_eur: float = 0.0
    # When the machine ends itself, as 2026-08-22T10:00:00Z; empty for never.
    expires_at: str = ""


@dataclass(frozen=True)
class Order:
    """What was found out before asking: the image to boot from, and the price."""

    image: str
    price: dict[str, Any]


def check_plan(client: Client, identity: Identity, wish: Wish) -> Order:
    """Everything that can be known to fail before anything is created."""
    list_resources(client, identity.zone, identity.project)
    check_clocks(client)
    types = client.server_types(identity.zone)
    problem = type_problem(types, identity.zone, wish.commercial_type, wish.volume_type, wish.volume_size)
    if problem:
        raise refuse(problem)
    if client.availability(identity.zone).get(wish.commercial_type) == "shortage":
        body = {"type": "out_of_stock", "resource": wish.commercial_type}
        sentence = f"{wish.commercial_type} is out of stock in {identity.zone}; choose another profile or zone."
        raise ScalewayError(sentence, Answer(412, body))
    price = machine_price(identity.zone, wish.commercial_type, wish.volume_type, wish.volume_size, types)
    facts = price.as_facts() if price else {}
    check_money(wish, price)
    if UUID.fullmatch(wish.image):
        return Order(wish.image, facts)
    query = {"image_label": wish.image, "zone": identity.zone}
    images = client.list_all("/marketplace/v2/local-images", "local_images", query)
    image = choose_image(images, wish.commercial_type, wish.volume_type)
    if image is None:
        raise refuse(
            f'Zone {identity.zone} has no x86_64 image "{wish.image}" for {wish.commercial_type} on '
            f"{wish.volume_type}; scaleway_instance_image takes a marketplace label such as debian_bookworm."
        )
    return Order(image, facts)


def check_money(wish: Wish, price: Price | None) -> None:
    """Refuse what the money does not pay for an hour, which is billed at least."""
    if not wish.max_eur:
        return
    if price is None:
        raise refuse(f"The price of {wish.commercial_type} is not known, so --max-eur could not be kept.")
    if not hours_for(price.hourly, wish.max_eur):
        raise refuse(
            f"The first hour of {wish.commercial_type} with disk and address costs {euros(price.hourly)}, and "
            f"--max-eur allows {euros(wish.max_eur)}; choose a smaller profile, or see wrapper estimate."
        )


def work_ends_at(begun: datetime, max_eur: float, hourly: float, expires_at: str = "") -> int | None:
    """When scan and analysis must end (seconds since 1970), so that bringing home is paid for and comes in time.

    None for never: there is no limit to the money, and the machine does not end itself.
    """
    ends = []
    if max_eur and hourly:
        seconds = hours_for(hourly, max_eur) * 3600
        ends.append(begun.timestamp() + seconds - max(LEAST_RESERVE, RESERVE * seconds))
    if expires_at:
        expires = datetime.strptime(expires_at, "%Y-%m-%dT%H:%M:%S%z").timestamp()
        ends.append(expires - min(MOST_RESERVE, RESERVE * max(0.0, expires - begun.timestamp())))
    return int(min(ends)) if ends else None


def check_clocks(client: Client) -> None:
    """The end of the run's time is written by our clock and read by the provider's and the machine's."""
    if abs(client.skew) > MOST_SKEW:
        ahead = "behind" if client.skew > timedelta(0) else "ahead of"
        raise refuse(
            f"The clock of this computer is {abs(client.skew).total_seconds() / 60:.0f} min {ahead} Scaleway's, so the "
            "machine's end would be wrong; set it, for instance with: timedatectl set-ntp true"
        )
