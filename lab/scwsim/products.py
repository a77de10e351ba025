"""The offer: server types and their stock, images, the marketplace."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .catalogue import Image, image_view
from .errors import not_found
from .routing import Request, Response, counted_page_of, page_of, route
from .simulator import Simulator


def _server_types(simulator: Simulator, request: Request) -> Response:
    types = simulator.catalogue.server_types(request.zone)
    paged = page_of(request, "servers", [{"name": name} for name in types])
    names = [entry["name"] for entry in paged.body["servers"]]
    return replace(paged, body={"servers": {name: types[name] for name in names}})


def _availability(simulator: Simulator, request: Request) -> Response:
    stock = simulator.catalogue.availability(request.zone)
    return Response(200, {"servers": stock}, {"X-Total-Count": str(len(stock))})


def _list_images(simulator: Simulator, request: Request) -> Response:
    return page_of(request, "images", [image_view(i) for i in simulator.catalogue.images(request.zone)])


def _get_image(simulator: Simulator, request: Request) -> Response:
    for image in simulator.catalogue.images(request.zone):
        if image.id == request.id:
            return Response(200, {"image": image_view(image)})
    raise not_found("instance_image", request.id)


def _local_image(simulator: Simulator, image: Image) -> dict[str, Any]:
    return {
        "id": image.id,
        "arch": image.arch,
        "zone": image.zone,
        "compatible_commercial_types": simulator.catalogue.compatible_types(image),
        "label": image.label,
        "type": image.type,
    }


def _list_local_images(simulator: Simulator, request: Request) -> Response:
    images = simulator.catalogue.images(
        request.argument("zone"), request.argument("image_label"), request.argument("type")
    )
    return counted_page_of(request, "local_images", [_local_image(simulator, image) for image in images])


def _get_local_image(simulator: Simulator, request: Request) -> Response:
    for image in simulator.catalogue.images():
        if image.id == request.id:
            return Response(200, _local_image(simulator, image))
    raise not_found("local_image", request.id)


def _list_private_interfaces(_simulator: Simulator, request: Request) -> Response:
    """Private networks are not simulated: no server has an interface in one."""
    return counted_page_of(request, "private_network_interfaces", [])


_INSTANCE = "/instance/v1/zones/{zone}"
ROUTES = (
    route("GET", f"{_INSTANCE}/products/servers", _server_types, public=True),
    route("GET", f"{_INSTANCE}/products/servers/availability", _availability, public=True),
    route("GET", f"{_INSTANCE}/images", _list_images),
    route("GET", f"{_INSTANCE}/images/{{id}}", _get_image),
    route("GET", "/instance/v2alpha1/zones/{zone}/private-network-interfaces", _list_private_interfaces),
    route("GET", "/marketplace/v2/local-images", _list_local_images, public=True),
    route("GET", "/marketplace/v2/local-images/{id}", _get_local_image, public=True),
)
