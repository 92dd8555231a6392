"""The guest agent's commands and argument types as data: an agent has no schema to query."""

from __future__ import annotations

from .schema import Schema

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


# NAME: TYPE. A trailing ? marks an optional member, [TYPE] an array.
_COMMANDS = {
    "guest-exec": "path: str, arg: [str]?, env: [str]?, input-data: str?, capture-output: capture?",
    "guest-exec-status": "pid: int",
    "guest-file-close": "handle: int",
    "guest-file-flush": "handle: int",
    "guest-file-open": "path: str, mode: str?",
    "guest-file-read": "handle: int, count: int?",
    "guest-file-seek": "handle: int, offset: int, whence: whence",
    "guest-file-write": "handle: int, buf-b64: str, count: int?",
    "guest-fsfreeze-freeze": "",
    "guest-fsfreeze-freeze-list": "mountpoints: [str]?",
    "guest-fsfreeze-status": "",
    "guest-fsfreeze-thaw": "",
    "guest-fstrim": "minimum: int?",
    "guest-get-cpustats": "",
    "guest-get-devices": "",
    "guest-get-diskstats": "",
    "guest-get-disks": "",
    "guest-get-fsinfo": "",
    "guest-get-host-name": "",
    "guest-get-load": "",
    "guest-get-memory-block-info": "",
    "guest-get-memory-blocks": "",
    "guest-get-osinfo": "",
    "guest-get-time": "",
    "guest-get-timezone": "",
    "guest-get-users": "",
    "guest-get-vcpus": "",
    "guest-info": "",
    "guest-network-get-interfaces": "",
    "guest-network-get-route": "",
    "guest-ping": "",
    "guest-set-memory-blocks": "mem-blks: [block]",
    "guest-set-time": "time: int?",
    "guest-set-user-password": "username: str, password: str, crypted: boolean",
    "guest-set-vcpus": "vcpus: [vcpu]",
    "guest-shutdown": "mode: str?",
    "guest-ssh-add-authorized-keys": "username: str, keys: [str], reset: boolean?",
    "guest-ssh-get-authorized-keys": "username: str",
    "guest-ssh-remove-authorized-keys": "username: str, keys: [str]",
    "guest-suspend-disk": "",
    "guest-suspend-hybrid": "",
    "guest-suspend-ram": "",
    "guest-sync": "id: int",
    "guest-sync-delimited": "id: int",
}
_OBJECTS = {
    "block": "phys-index: int, online: boolean, can-offline: boolean?",
    "vcpu": "logical-id: int, online: boolean, can-offline: boolean?",
}
_ALTERNATES = {"whence": ("int", "seek"), "capture": ("boolean", "streams")}
_ENUMS = {
    "seek": ("set", "cur", "end"),
    "streams": ("none", "stdout", "stderr", "separated", "merged"),
}
_BUILTINS = {"str": "string", "int": "int", "boolean": "boolean"}


def load_agent_schema() -> Schema:
    """Return the agent's commands in the form of `query-qmp-schema`."""
    entities: list[dict[str, Any]] = [
        {"name": name, "meta-type": "builtin", "json-type": json_type}
        for name, json_type in _BUILTINS.items()
    ]
    for element in (*_BUILTINS, *_OBJECTS):
        entities.append({"name": f"[{element}]", "meta-type": "array", "element-type": element})
    for name, types in _ALTERNATES.items():
        members = [{"type": type_name} for type_name in types]
        entities.append({"name": name, "meta-type": "alternate", "members": members})
    for name, values in _ENUMS.items():
        entities.append({"name": name, "meta-type": "enum", "values": list(values)})
    for name, text in (*_OBJECTS.items(), *_COMMANDS.items()):
        is_command = name in _COMMANDS
        type_name = f"{name}-arg" if is_command else name
        entities.append({"name": type_name, "meta-type": "object", "members": _members(text)})
        if is_command:
            entities.append({"name": name, "meta-type": "command", "arg-type": type_name})
    return Schema(entities)


def _members(text: str) -> list[dict[str, Any]]:
    members: list[dict[str, Any]] = []
    for described in filter(None, text.split(", ")):
        name, _, type_name = described.partition(": ")
        member: dict[str, Any] = {"name": name, "type": type_name.rstrip("?")}
        if type_name.endswith("?"):
            member["default"] = None
        members.append(member)
    return members
