"""Prices are the provider's when it tells them, dated when not, and an hour is billed at least."""

from __future__ import annotations

from typing import Any

import pytest

from module_utils import prices
from plugins.modules import scaleway_price

from .conftest import Cloud

LIVE = {"GP1-S": {"hourly_price": 0.2}}


@pytest.mark.parametrize(
    ("machine", "types", "hourly"),
    [
        # The table of the provider's own FAQ: machine, whole local disk, address.
        (("fr-par-1", "DEV1-S", "l_ssd", 20), {}, 0.013856),
        (("fr-par-1", "GP1-M", "l_ssd", 200), {}, 0.39632),
        (("fr-par-1", "GP1-S", "sbs_volume", 100), {}, 0.20654),
        (("fr-par-1", "GP1-S", "l_ssd", 100), LIVE, 0.2084),
        (("fr-par-3", "GP1-S", "sbs_volume", 100), {}, 0.30781),
    ],
)
def test_price_of_a_machine(machine: tuple[str, str, str, int], types: dict[str, Any], hourly: float) -> None:
    zone, commercial_type, disk, size = machine
    price = prices.machine_price(zone, commercial_type, disk, size * 10**9, types)
    assert price is not None
    assert price.hourly == pytest.approx(hourly)
    assert ("list" in price.source) == bool(types)


def test_a_price_nobody_knows_is_none() -> None:
    assert prices.machine_price("fr-par-1", "GP9-S", "l_ssd", 10**10, {}) is None
    assert prices.resource_price("servers", {"commercial_type": "GP9-S"}, "fr-par-1", {}) is None


@pytest.mark.parametrize(("hours", "euros"), [(0.1, 0.4), (1, 0.4), (1.5, 0.6), (6, 2.4)])
def test_an_hour_is_billed_at_least(hours: float, euros: float) -> None:
    assert prices.cost(0.4, hours) == pytest.approx(euros)


@pytest.mark.parametrize(("euros", "hours"), [(0.39, 0.0), (0.4, 1.0), (2.0, 5.0), (0.0, 0.0)])
def test_how_long_the_money_lasts(euros: float, hours: float) -> None:
    assert prices.hours_for(0.4, euros) == pytest.approx(hours)


NOW = prices.moment("2026-08-22T13:00:00Z")
INTENT = {"intent": {"at": "2026-08-22T10:00:00Z"}, "price": {"hourly": 0.4}}


@pytest.mark.parametrize(
    ("machine", "euros"),
    [
        ({}, None),
        (INTENT, 1.2),
        ({**INTENT, "gone_at": "2026-08-22T12:00:00Z"}, 0.8),
        ({**INTENT, "gone_at": "2026-08-22T10:05:00Z"}, 0.4),
        ({**INTENT, "refused": "out of stock"}, None),
        ({"intent": INTENT["intent"]}, None),
    ],
)
def test_spent_so_far(machine: dict[str, Any], euros: float | None) -> None:
    assert prices.spent(machine, NOW) == (None if euros is None else pytest.approx(euros))


def test_the_list_is_asked_and_a_silent_provider_has_recorded_prices(module: Any, cloud: Cloud) -> None:
    asked = {"zone": "fr-par-1", "commercial_type": "GP1-M", "volume_size": 200 * 10**9}
    live = module(scaleway_price, project=None, **asked)
    assert live["price"]["source"] == "the provider's price list"
    assert live["price"]["hourly"] == pytest.approx(0.39632)
    silent = module(scaleway_price, project=None, **{**asked, "api_url": "http://127.0.0.1:9"})
    assert silent["price"]["source"] == "prices of 2026-07-30"
    unknown = module(scaleway_price, project=None, **{**asked, "commercial_type": "GP9-S"})
    assert 'No price of "GP9-S" in fr-par-1 is known' in unknown["msg"]
