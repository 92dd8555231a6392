"""Names that only the running server knows.

Owns: the kinds of them, which completion asks for and a session keeps. Must not know: how they are
asked for, where they are offered.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    class LiveNames(Protocol):
        """What is known now of the server's names. It never waits."""

        def find(self, want: Live) -> Sequence[LiveName] | None:
            """The names of a kind; None where they are not known yet, which makes them be asked for."""

        def peek(self, want: Live) -> Sequence[LiveName]:
            """Those that are known by chance."""


# What `subject` is for each kind stands behind it, where it has one.
NODE = "node"  # block nodes
CHAIN = "chain"  # block nodes, those below first; the device or node that they are below
CHAIN_FILE = "chain-file"  # the names of their images; likewise
BLOCK_DEVICE = "block-device"  # block devices and the ids of their guest devices, and nodes
JOB = "job"
BITMAP = "bitmap"  # the node
SNAPSHOT = "snapshot"  # the node
EXPORT = "export"
CHARDEV = "chardev"
NETDEV = "netdev"
OBJECT = "object"  # ids below /objects
MEMORY_BACKEND = "memory-backend"
IOTHREAD = "iothread"
SECRET_OBJECT = "secret-object"
THROTTLE_GROUP = "throttle-group"
TLS_CREDS = "tls-creds"
TLS_AUTHZ = "tls-authz"
PR_MANAGER = "pr-manager"
RNG = "rng"
CRYPTODEV = "cryptodev"
CAN_BUS = "can-bus"
IOMMUFD = "iommufd"
AUDIODEV = "audiodev"
TPMDEV = "tpmdev"
QDEV = "qdev"  # ids and QOM paths of devices
BLOCK_QDEV = "block-qdev"  # those of the devices that have a block backend
DISPLAY = "display"  # those of displays
BUS = "bus"  # buses that take devices; the driver of one that is to sit there
CPU_MODEL = "cpu-model"
DEVICE_DRIVER = "device-driver"
DEVICE_PROPERTY = "device-property"  # the driver
QOM_TYPE = "qom-type"
QOM_CHILD = "qom-child"  # the path whose children and links these are
QOM_PROPERTY = "qom-property"  # the path
HUMAN_COMMAND = "human-command"


class Live:
    """One want: a kind, and what it is of. It may be the key of a dict."""

    __slots__ = ("kind", "subject")

    def __init__(self, kind: str, subject: str = "") -> None:
        self.kind = kind
        self.subject = subject

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Live) and (self.kind, self.subject) == (other.kind, other.subject)

    def __hash__(self) -> int:
        return hash((self.kind, self.subject))

    def __repr__(self) -> str:
        return f"Live({self.kind!r}, {self.subject!r})"


class LiveName:
    """A name and, in a few words, what it names; both are the server's and are not trusted.

    Of a kind's names those of the smallest `order` come first. Of a property, `choices` are the values
    that it takes, if they are known, and `default` is the one that it has by itself.
    """

    __slots__ = ("choices", "default", "meta", "name", "order")

    def __init__(
        self,
        name: str,
        meta: str = "",
        *,
        order: int = 0,
        choices: Sequence[str] = (),
        default: str = "",
    ) -> None:
        self.name = name
        self.meta = meta
        self.order = order
        self.choices = tuple(choices)
        self.default = default

    def __repr__(self) -> str:
        return f"LiveName({self.name!r}, {self.meta!r})"
