"""Which of a job's processes this one is, in the words of torchrun's environment."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

HERE = "127.0.0.1"
"""Where the processes of one machine meet, which nobody reaches from outside."""


@dataclass(frozen=True, kw_only=True)
class Seat:
    """`rank` of `size` processes, `local_rank` of the `local_size` on its machine; rank 0 listens at `host`, `port`."""

    rank: int
    size: int
    local_rank: int
    local_size: int
    host: str
    port: int

    @classmethod
    def on_one_machine(cls, rank: int, size: int, port: int) -> Self:
        return cls(rank=rank, size=size, local_rank=rank, local_size=size, host=HERE, port=port)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """What `variables` of the process said."""
        return cls(
            rank=int(environment["RANK"]),
            size=int(environment["WORLD_SIZE"]),
            local_rank=int(environment["LOCAL_RANK"]),
            local_size=int(environment["LOCAL_WORLD_SIZE"]),
            host=environment["MASTER_ADDR"],
            port=int(environment["MASTER_PORT"]),
        )

    def variables(self) -> dict[str, str]:
        """For the environment of the process."""
        return {
            "RANK": str(self.rank),
            "WORLD_SIZE": str(self.size),
            "LOCAL_RANK": str(self.local_rank),
            "LOCAL_WORLD_SIZE": str(self.local_size),
            "MASTER_ADDR": self.host,
            "MASTER_PORT": str(self.port),
        }


def listen(host: str, size: int) -> socket.socket:
    """For rank 0 of `size`, on a free port: by itself torch would listen on all of the machine's addresses."""
    return socket.create_server((host, 0), backlog=size)


def interface_to(host: str, addresses: Mapping[str, list[str]]) -> str | None:
    """The name of the interface by which this machine reaches `host`; `addresses` are this machine's, by interface."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:  # sends nothing
        asked.connect((host, 9))
        own = asked.getsockname()[0]
    return next((name for name, there in addresses.items() if own in there), None)
