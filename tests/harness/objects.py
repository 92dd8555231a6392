"""A scripted server with a tree of objects, which counts the requests for them."""

from __future__ import annotations

from typing import Any

from .scripted import Peer

# Each object: its type, and its properties as (type, value); a value that is an exception is an error.
Tree = dict[str, tuple[str, dict[str, tuple[str, object]]]]

TREE: Tree = {
    "/": ("container", {}),
    "/machine": ("none-machine", {"graphics": ("bool", True), "bad": ("str", KeyError("broken"))}),
    "/machine/bus": ("bus", {"up": ("link<none-machine>", "/machine"), "off": ("link<x>", "")}),
    "/machine/dev[2]": ("dev", {"mac": ("str", "a\x1b"), "n": ("int", 5)}),
    "/machine/dev[10]": ("dev", {}),
    "/objects": ("container", {}),
    "/objects/sec0": ("secret", {"data": ("string", "hunter2"), "keyid": ("string", "")}),
    "/objects/vnc": ("thing", {"password": ("string", "hunter2")}),
}


class ObjectServer:
    """Answers QOM commands. `requests` are those received, except for negotiation."""

    def __init__(self, tree: Tree = TREE, *, has_list_get: bool = False) -> None:
        self.tree = tree
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.has_list_get = has_list_get
        # How often the server had no request left when it sent a reply.
        self.round_trips = 0
        # Objects that are in their parent's list, but have gone.
        self.gone: set[str] = set()

    def play(self, peer: Peer) -> None:
        peer.negotiate()
        while True:
            command = peer.read()
            name, arguments = command["execute"], command.get("arguments", {})
            self.requests.append((name, arguments))
            try:
                peer.reply(command, **{"return": self._answer(name, arguments)})
            except KeyError as error:
                peer.reply(command, error={"class": "GenericError", "desc": error.args[0]})
            self.round_trips += not peer.has_input()

    def names(self) -> list[str]:
        """Return the names of the commands received."""
        return [name for name, _ in self.requests]

    def _answer(self, name: str, arguments: dict[str, Any]) -> object:
        if name == "query-commands":
            return [{"name": "qom-list-get"}] if self.has_list_get else []
        if name == "qom-list":
            return [
                {"name": key, "type": kind} for key, kind, _ in self._entries(arguments["path"])
            ]
        if name == "qom-get":
            for key, _, value in self._entries(arguments["path"]):
                if key == arguments["property"]:
                    if isinstance(value, Exception):
                        raise value
                    return value
            raise KeyError("no such property")
        assert name == "qom-list-get"
        return [
            {
                "properties": [
                    {"name": key, "type": kind}
                    | ({} if isinstance(value, Exception) else {"value": value})
                    for key, kind, value in self._entries(path)
                ]
            }
            for path in arguments["paths"]
        ]

    def _entries(self, path: str) -> list[tuple[str, str, object]]:
        if path not in self.tree or path in self.gone:
            raise KeyError(f"Device '{path}' not found")
        kind, properties = self.tree[path]
        start = path.rstrip("/") + "/"
        children = [
            (other.removeprefix(start), f"child<{child}>", other)
            for other, (child, _) in self.tree.items()
            if other != path and other.startswith(start) and "/" not in other.removeprefix(start)
        ]
        own = [(key, kind_, value) for key, (kind_, value) in properties.items()]
        return [("type", "string", kind), *own, *children]
