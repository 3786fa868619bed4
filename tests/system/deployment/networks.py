"""Machines of their own on one network: namespaces whose cables end in a bridge, as a container engine lays them.

Linux' `ip` does it, which takes root; `AssertionError` in a sentence where it may not.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

WANTED = "Tests of the network need root with the capabilities CAP_NET_ADMIN and CAP_SYS_ADMIN"
HOSTS = Path("/etc/netns")  # NAME/hosts is what processes in the namespace NAME find at /etc/hosts


@dataclass(frozen=True, kw_only=True)
class Host:
    """One machine: its `name`, its `address`, the bridge's end of its cable, and where this machine is to be found."""

    name: str
    address: str
    namespace: str
    cable: str
    outside: str

    @property
    def within(self) -> list[str]:
        """The words before a command that is to run there."""
        return ["ip", "netns", "exec", self.namespace]

    def cut(self) -> None:
        """Nothing gets through any more, and nobody is told."""
        _ip("link", "set", self.cable, "down")

    def mend(self) -> None:
        _ip("link", "set", self.cable, "up")


@contextmanager
def network(*names: str) -> Iterator[dict[str, Host]]:
    """Hosts that find each other by name; this machine reaches them by address."""
    assert shutil.which("ip"), "Tests of the network need `ip`. On Debian: sudo apt-get install iproute2"
    prefix = f"hf{os.getpid()}"
    subnet = _free_subnet()
    hosts = {
        name: Host(
            name=name,
            address=f"{subnet}.{number}",
            namespace=f"{prefix}-{name}",
            cable=f"{prefix}c{number}",  # at most 15 characters
            outside=f"{subnet}.1",
        )
        for number, name in enumerate(names, start=2)
    }
    table = "127.0.0.1 localhost\n" + "".join(f"{host.address} {host.name}\n" for host in hosts.values())
    with ExitStack() as made:
        bridge = f"{prefix}b"
        for host in hosts.values():
            _ip("netns", "add", host.namespace)
            made.callback(_ip, "netns", "delete", host.namespace)  # its end of the cable goes with it
            (HOSTS / host.namespace).mkdir(parents=True)
            made.callback(shutil.rmtree, HOSTS / host.namespace)
            (HOSTS / host.namespace / "hosts").write_text(table, encoding="utf-8")
        _ip("link", "add", bridge, "type", "bridge")
        made.callback(_ip, "link", "delete", bridge)
        _ip("address", "add", f"{subnet}.1/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        for host in hosts.values():
            inside = ("-n", host.namespace)
            _ip("link", "add", host.cable, "type", "veth", "peer", "eth0", "netns", host.namespace)
            _ip("link", "set", host.cable, "master", bridge, "up")
            _ip(*inside, "address", "add", f"{host.address}/24", "dev", "eth0")
            _ip(*inside, "link", "set", "eth0", "up")
            _ip(*inside, "link", "set", "lo", "up")
        yield hosts


def _free_subnet() -> str:
    """One that nobody here uses, of the range that is set apart for tests of networks (RFC 2544)."""
    used = _ip("-4", "route", "show")
    return next(
        subnet
        for number in range(256)
        if f"{(subnet := f'198.18.{(os.getpid() + number) % 256}')}." not in used
    )


def _ip(*words: str) -> str:
    ran = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"{WANTED}: `ip {' '.join(words)}` failed: {ran.stderr.strip()}"
    return ran.stdout
