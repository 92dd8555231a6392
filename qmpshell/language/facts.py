"""What is known of the server when a line is read, and what is missing.

Owns: the answers to the questions that reading may raise, and the questions. Must not know: how they
are asked. A fact that was asked for and is not to be had is None, so that it is not asked for again.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..schema.model import Schema

SCHEMA = "schema"
DRIVER = "driver"
OBJECT = "object"
SECRET = "secret"


class Need:
    """What must be known before a line can be read.

    SCHEMA: the server's schema. DRIVER: the properties of the device driver `subject`. OBJECT: those
    of the object at QOM path `subject`. SECRET: what the person types, unseen, for the key `subject`
    at `start`.
    """

    __slots__ = ("kind", "start", "subject")

    def __init__(self, kind: str, subject: str = "", *, start: int = 0) -> None:
        self.kind = kind
        self.subject = subject
        self.start = start


class PropertyType:
    """A QOM property's `type` and `description` (qom.json, ObjectPropertyInfo)."""

    __slots__ = ("description", "type")

    def __init__(self, type_name: str, description: str = "") -> None:
        self.type = type_name
        self.description = description


Properties = dict[str, PropertyType]


class Facts:
    """`schema` is None where there is none to be had; `has_schema` is false until that is known.

    `drivers` and `objects` hold properties by driver and by QOM path, `secrets` what was typed, by the
    offset in the line. `read_file` gives a file's bytes and raises OSError. `can_ask` says whether a
    person is there.
    """

    __slots__ = ("can_ask", "drivers", "has_schema", "objects", "read_file", "schema", "secrets")

    def __init__(
        self,
        *,
        read_file: Callable[[str], bytes],
        schema: Schema | None = None,
        has_schema: bool = False,
        can_ask: bool = False,
    ) -> None:
        self.read_file = read_file
        self.schema = schema
        self.has_schema = has_schema or schema is not None
        self.can_ask = can_ask
        self.drivers: dict[str, Properties | None] = {}
        self.objects: dict[str, Properties | None] = {}
        self.secrets: dict[int, str] = {}

    def forget(self) -> None:
        """The server is another one now."""
        self.schema = None
        self.has_schema = False
        self.drivers.clear()
        self.objects.clear()


def no_file(path: str) -> bytes:
    """A `read_file` for readers that have no files."""
    raise FileNotFoundError(2, "there are no files here", path)
