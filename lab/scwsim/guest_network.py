"""The network of a machine: what its security group lets in, and the metadata service at its link-local address.

Both are rules in the machine's own network namespace, set from outside whenever they should be others.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from .simulator import Simulator, machine_name
from .store import Record

METADATA_ADDRESS = "169.254.42.42"
_INTERFACE = "eth0"
_CHAIN = "SECURITY-GROUP"
_JUMP = f"PREROUTING -i {_INTERFACE} -j {_CHAIN}"
_TARGETS = {"accept": "ACCEPT", "drop": "DROP"}


def _rule(rule: Record) -> str:
    """One rule of the group as arguments of iptables; IPv6 has no counterpart in the lab."""
    words = [f"-A {_CHAIN}"]
    if rule["ip_range"] not in {"", "0.0.0.0/0", None}:
        words.append(f"-s {ipaddress.ip_network(rule['ip_range'], strict=False)}")
    if rule["protocol"] != "ANY":
        words.append(f"-p {rule['protocol'].lower()}")
    if rule["dest_port_from"] and rule["protocol"] in {"TCP", "UDP"}:
        last = rule["dest_port_to"] or rule["dest_port_from"]
        words.append(f"--dport {int(rule['dest_port_from'])}:{int(last)}")
    return " ".join([*words, f"-j {_TARGETS[rule['action']]}"])


def _is_version_6(rule: Record) -> bool:
    return ":" in str(rule["ip_range"] or "")


def filter_table(group: Record | None) -> list[str]:
    """What the group lets in, as lines of `iptables-restore --noflush`; nothing for a group that lets in everything."""
    inbound = [rule for rule in group["rules"] if rule["direction"] == "inbound"] if group else []
    if group is None or (group["inbound_default_policy"] == "accept" and not inbound):
        return []
    lines = ["*mangle", f":{_CHAIN} - [0:0]"]
    if group["stateful"]:
        lines.append(f"-A {_CHAIN} -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT")
    ordered = sorted(inbound, key=lambda rule: int(rule["position"]))
    lines += [_rule(rule) for rule in ordered if not _is_version_6(rule)]
    return [*lines, f"-A {_CHAIN} -j {_TARGETS[group['inbound_default_policy']]}", "COMMIT"]


def script(group: Record | None, metadata: str, addresses: Sequence[str] = (), others: Sequence[str] = ()) -> str:
    """A shell script that makes the namespace so, however it was before.

    metadata: address and port, or nothing; addresses: those it has beside its first one, with their prefix length;
    others: those it must not have.
    """
    table = filter_table(group)
    lines = ["set -e", f"if iptables -w -t mangle -C {_JUMP} 2>/dev/null; then iptables -w -t mangle -D {_JUMP}; fi"]
    if table:
        body = "\n".join(table)
        lines += [f"iptables-restore -w --noflush <<'END'\n{body}\nEND", f"iptables -w -t mangle -A {_JUMP}"]
    if metadata:
        rule = f"OUTPUT -d {METADATA_ADDRESS}/32 -p tcp --dport 80 -j DNAT --to-destination {metadata}"
        lines.append(f"iptables -w -t nat -C {rule} 2>/dev/null || iptables -w -t nat -A {rule}")
    lines += [f"ip address replace {address} dev {_INTERFACE}" for address in addresses]
    # Most of the others are not there to be deleted.
    lines += [f"ip address delete {address} dev {_INTERFACE} 2>/dev/null || true" for address in others]
    return "\n".join(lines)


def wanted(simulator: Simulator, server: Record) -> str:
    """The script for the server as it is now."""
    group = simulator.store.find("security_groups", server["zone"], server["security_group"])
    length = ipaddress.ip_network(simulator.driver.options.subnet).prefixlen
    first = f"{server['machine_address']}/{length}"
    flexible = [
        (f"{ip['address']}/{length}", ip["server"] == server["id"])
        for ip in simulator.store.records("ips")
        if not ip["dynamic"]
    ]
    ours = [address for address, attached in flexible if attached and address != first]
    former = {f"{address}/{length}" for address in server.get("former_addresses", ())}
    others = former | {address for address, attached in flexible if not attached}
    return script(group, simulator.driver.options.metadata, ours, sorted(others - {*ours, first}))


def apply(simulator: Simulator, server: Record, *, fresh: bool = False) -> bool:
    """Bring a running machine's network up to date; tells if it had to. `fresh`: the machine has just started."""
    with simulator.store.lock:
        wish = wanted(simulator, server)
        if not fresh and server.get("network") == wish:
            return False
    simulator.driver.execute(machine_name(simulator, server), wish)
    server["network"] = wish
    return True
