"""The SDK of Scaleway, unmodified, against the stand-in: what it makes of our answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from scaleway import Client
from scaleway.block.v1 import BlockV1API
from scaleway.iam.v1alpha1 import IamV1Alpha1API, RuleSpecs
from scaleway.instance.v1 import VolumeServerTemplate, VolumeVolumeType
from scaleway.instance.v1.custom_api import InstanceUtilsV1API
from scaleway.instance.v1.types import (
    SecurityGroupPolicy,
    SecurityGroupRuleAction,
    SecurityGroupRuleDirection,
    SecurityGroupRuleProtocol,
    ServerAction,
)
from scaleway.marketplace.v2 import MarketplaceV2API
from scaleway_core.api import ScalewayException

from lab.scwsim.in_process import LocalCloud, serving

pytestmark = pytest.mark.lab

ZONE = "fr-par-1"
LOCAL = {"0": VolumeServerTemplate(volume_type=VolumeVolumeType.L_SSD, size=20_000_000_000)}


@pytest.fixture
def cloud() -> Iterator[LocalCloud]:
    with serving() as made:
        yield made


def client(cloud: LocalCloud, access_key: str | None = None, secret_key: str | None = None) -> Client:
    return Client(
        access_key=access_key or cloud.simulator.account.access_key,
        secret_key=secret_key or cloud.token,
        api_url=cloud.url,
        default_project_id=cloud.project,
        default_organization_id=cloud.project,
        default_zone=ZONE,
    )


def test_a_whole_life_of_a_server_with_a_local_disk(cloud: LocalCloud) -> None:
    api = InstanceUtilsV1API(client(cloud))
    server = api.create_server(
        commercial_type="DEV1-S", image="ubuntu_jammy", name="job", tags=["run=1"], volumes=LOCAL, project=cloud.project
    ).server
    assert server is not None
    assert (server.state, server.public_ips) == ("stopped", [])
    api.set_server_user_data(server_id=server.id, key="cloud-init", content=b"#cloud-config\n")
    assert api.get_all_server_user_data(server_id=server.id).user_data == {"cloud-init": b"#cloud-config\n"}
    api.server_action(server_id=server.id, action=ServerAction.POWERON)
    running = api.wait_instance_server(server_id=server.id, zone=ZONE).server
    assert running is not None
    assert (running.state, running.public_ips[0].dynamic, running.volumes["0"].size) == (
        "running",
        True,
        20_000_000_000,
    )
    api.server_action(server_id=server.id, action=ServerAction.STOP_IN_PLACE)
    halted = api.get_server(server_id=server.id).server
    # The SDK writes it with underscores; what comes over the wire has spaces and stays a plain string.
    assert halted is not None
    assert halted.state == "stopped in place"
    api.server_action(server_id=server.id, action=ServerAction.TERMINATE)
    with pytest.raises(ScalewayException) as gone:
        api.get_server(server_id=server.id)
    assert gone.value.status_code == 404
    assert cloud.left() == {}


def test_lists_run_over_all_pages_and_the_name_is_a_substring(cloud: LocalCloud) -> None:
    api = InstanceUtilsV1API(client(cloud))
    for number in range(5):
        api.create_server(commercial_type="DEV1-S", image="ubuntu_jammy", name=f"job-{number}", volumes=LOCAL)
    assert [server.name for server in api.list_servers_all(per_page=2)] == [f"job-{n}" for n in (4, 3, 2, 1, 0)]
    assert [server.name for server in api.list_servers(name="ob-3").servers] == ["job-3"]


def test_addresses_groups_block_volumes_and_images(cloud: LocalCloud) -> None:
    api, block = InstanceUtilsV1API(client(cloud)), BlockV1API(client(cloud))
    images = MarketplaceV2API(client(cloud)).list_local_images(image_label="ubuntu_noble", zone=ZONE).local_images
    assert [(image.arch, image.type_) for image in images] == [
        ("x86_64", "instance_local"),
        ("arm64", "instance_sbs"),
        ("x86_64", "instance_sbs"),
    ]
    group = api.create_security_group(
        name="ssh",
        description="",
        stateful=True,
        project=cloud.project,
        inbound_default_policy=SecurityGroupPolicy.DROP,
        outbound_default_policy=SecurityGroupPolicy.ACCEPT,
    ).security_group
    assert group is not None
    rule = api.create_security_group_rule(
        security_group_id=group.id,
        protocol=SecurityGroupRuleProtocol.TCP,
        direction=SecurityGroupRuleDirection.INBOUND,
        action=SecurityGroupRuleAction.ACCEPT,
        ip_range="0.0.0.0/0",
        dest_port_from=22,
        position=1,
        editable=True,
    ).rule
    assert rule is not None
    assert [found.id for found in api.list_security_group_rules(security_group_id=group.id).rules] == [rule.id]
    address = api.create_ip(tags=["run=1"]).ip
    assert address is not None
    assert (address.state, address.type_) == ("detached", "routed_ipv4")
    server = api.create_server(
        commercial_type="DEV1-S", image="ubuntu_noble", security_group=group.id, public_ips=[address.id]
    ).server
    assert server is not None
    volume = block.get_volume(volume_id=server.volumes["0"].id)
    assert (volume.status, volume.references[0].product_resource_id) == ("in_use", server.id)
    with pytest.raises(ScalewayException) as refused:
        block.delete_volume(volume_id=volume.id)
    assert refused.value.status_code == 412
    api.delete_server(server_id=server.id)
    assert [row.id for row in block.list_volumes_all(include_deleted=False, project_id=cloud.project)] == [volume.id]
    block.delete_volume(volume_id=volume.id)
    api.delete_ip(ip=address.id)
    api.delete_security_group(security_group_id=group.id)
    assert cloud.left() == {}


def test_a_key_for_a_machine_that_ends_itself(cloud: LocalCloud) -> None:
    iam = IamV1Alpha1API(client(cloud))
    application = iam.create_application(name="dead-man", description="", tags=["run=1"])
    policy = iam.create_policy(
        name="dead-man",
        description="",
        application_id=application.id,
        rules=[RuleSpecs(condition="", permission_set_names=["InstancesFullAccess"], project_ids=[cloud.project])],
    )
    deadline = datetime.now(tz=UTC) + timedelta(hours=1)
    key = iam.create_api_key(
        description="", application_id=application.id, default_project_id=cloud.project, expires_at=deadline
    )
    assert key.expires_at == deadline
    own = client(cloud, key.access_key, key.secret_key)
    server = InstanceUtilsV1API(own).create_server(commercial_type="DEV1-S", image="ubuntu_noble").server
    assert server is not None
    with pytest.raises(ScalewayException, match="insufficient permissions") as refused:
        BlockV1API(own).list_volumes(include_deleted=False)
    assert refused.value.status_code == 403
    cloud.simulator.advance(3601)
    with pytest.raises(ScalewayException) as expired:
        InstanceUtilsV1API(own).list_servers()
    assert expired.value.status_code == 401
    iam.delete_api_key(access_key=key.access_key)
    iam.delete_policy(policy_id=policy.id)
    iam.delete_application(application_id=application.id)
    assert cloud.left() == {"servers": 1, "volumes": 1}


def test_an_ssh_key_of_the_project(cloud: LocalCloud) -> None:
    iam = IamV1Alpha1API(client(cloud))
    text = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ6vXW8VJjO5y4Wf6vDkYp3r6v5JmQm3C5rXqj0mYk2W me"
    key = iam.create_ssh_key(name="me", public_key=text, project_id=cloud.project)
    assert [found.public_key for found in iam.list_ssh_keys_all(project_id=cloud.project)] == [text]
    iam.delete_ssh_key(ssh_key_id=key.id)
    assert cloud.left() == {}


def test_the_empty_body_of_a_429_is_too_much_for_the_sdk_as_with_the_real_one(cloud: LocalCloud) -> None:
    cloud.fault("too_many_requests", count=1)
    with pytest.raises(ValueError, match="Expecting value"):
        InstanceUtilsV1API(client(cloud)).list_servers()
