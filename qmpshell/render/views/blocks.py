"""The graph of block nodes, and of the devices, jobs and exports that use them."""

from __future__ import annotations

from ..text import percent
from .describe import fill
from .device_tree import device_name
from .graph import Graph, GraphEdge, GraphNode, node_spans, unique_key
from .view import Ask, got, require

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from .view import Call, GraphSteps


BLOCK_GRAPH = "x-debug-query-block-graph"
NAMED_NODES = "query-named-block-nodes"
# The requests whose results `block_graph` uses.
BLOCK_QUERIES = (
    Ask(NAMED_NODES, {"flat": True}),
    *map(Ask, (BLOCK_GRAPH, "query-block", "query-jobs", "query-block-exports")),
)
_LEGEND = (
    "",
    "[permissions in use/permissions of others]",
    "c consistent-read, w write, u write-unchanged, r resize",
)
_PERMISSIONS = {"consistent-read": "c", "write": "w", "write-unchanged": "u", "resize": "r"}
_BACKEND, _JOB = "block-backend", "block-job"
_LONGEST_FILE = 30
_NODE = "{drv}<  {mode}><  {image.virtual-size:size}><  {file}>"
_BITMAP = """\
<granularity {granularity:size}><  dirty {count:size}>{recording:  recording|}\
{persistent:  persistent|}{busy:  busy|}{inconsistent:  inconsistent|}"""


def show_block_graph(_call: Call) -> GraphSteps:
    """Request the nodes and what uses them, and return the graph. Only the nodes are mandatory."""
    values = yield BLOCK_QUERIES
    require(values[0])
    return block_graph(
        {ask.name: got(value, None) for ask, value in zip(BLOCK_QUERIES, values, strict=True)}
    )


def block_graph(results: Mapping[str, Any]) -> Graph:
    """Return the graph from the results of BLOCK_QUERIES by command. Any of them may be missing.

    Without the graph of the server, nodes have only the edges that they list themselves.
    """
    named = {node["node-name"]: node for node in results.get(NAMED_NODES) or ()}
    graph = results.get(BLOCK_GRAPH) or _listed_graph(named)
    names = {item["id"]: item["name"] for item in graph["nodes"]}
    parents = {names.get(edge["parent"]) for edge in graph["edges"]}
    files = {names.get(edge["child"]) for edge in graph["edges"] if edge["name"] == "file"}
    used = {*named, *names.values()}
    label_of = _user_labels(results, graph["edges"], names)
    users: list[GraphNode] = []
    nodes: list[GraphNode] = []
    keys: dict[Any, str] = {}
    for item in graph["nodes"]:
        key = name = item["name"]
        if item["type"] in (_BACKEND, _JOB):
            label, about = label_of(item)
            key = unique_key(label, used)
            used.add(key)
            users.append(GraphNode(key, node_spans(label, about)))
        else:
            node = named.get(name, {})
            about = _node_text(node, has_file=name not in parents, has_size=name not in files)
            nodes.append(GraphNode(key, node_spans(name, about)))
        keys[item["id"]] = key
    edges = [_edge(edge, keys) for edge in graph["edges"]]
    for name, node in named.items():
        for number, bitmap in enumerate(node.get("dirty-bitmaps", ())):
            key = f"{name}/{bitmap.get('name') or f'bitmap {number}'}"
            label = bitmap.get("name") or "without a name"
            nodes.append(GraphNode(key, node_spans(label, fill(_BITMAP, bitmap))))
            edges.append(GraphEdge(name, key, "bitmap"))
    # In the order of creation, as the devices were given; the server lists the newest first.
    legend = _LEGEND if any(edge.note for edge in edges) else ()
    return Graph("block", [*reversed(users), *reversed(nodes)], edges, legend)


def _listed_graph(named: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the children that nodes list themselves, in the form of BLOCK_GRAPH."""
    return {
        "nodes": [{"id": name, "name": name, "type": "block-driver"} for name in named],
        "edges": [
            {"parent": name, "child": child["node-name"], "name": child["child"]}
            for name, node in named.items()
            for child in node.get("children", ())
        ],
    }


def _user_labels(
    results: Mapping[str, Any], edges: Iterable[Mapping[str, Any]], names: Mapping[Any, str]
) -> Callable[[Mapping[str, Any]], tuple[str, str]]:
    """Return a function that names a user of nodes in the server's graph, and describes it."""
    roots = {edge["parent"]: names.get(edge["child"]) for edge in edges}
    jobs = {job["id"]: job for job in results.get("query-jobs") or ()}
    drives = {drive["device"]: drive for drive in results.get("query-block") or ()}
    exports = list(results.get("query-block-exports") or ())

    def label_of(item: Mapping[str, Any]) -> tuple[str, str]:
        name = item["name"]
        if item["type"] == _JOB:
            return f"job {name}", fill(
                "{type}<  {status}><  {percent} %>", job_facts(jobs.get(name, {}))
            )
        if name and name not in drives:
            return f"device {device_name(name)}", ""
        if name:
            qdev = drives[name].get("qdev", "")
            return f"drive {name}", f"device {device_name(qdev)}" if qdev else ""
        root = roots.get(item["id"])
        export = next((export for export in exports if export["node-name"] == root), None)
        if export is None:
            return "backend", "internal"
        exports.remove(export)
        return f"export {export['id']}", export["type"]

    return label_of


def job_facts(job: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of a job, and how much of it is done, from either query for jobs."""
    done = job.get("current-progress", job.get("offset"))
    total = job.get("total-progress", job.get("len"))
    return {**job, "percent": percent(done, total)} if total else dict(job)


def _node_text(node: Mapping[str, Any], *, has_file: bool, has_size: bool = True) -> str:
    """Return what is known of a node. The file of a format is that of its child."""
    image = node.get("image", {})
    facts = {"drv": node.get("drv"), "mode": "", "image": image if has_size else {}}
    if "ro" in node:
        facts["mode"] = "ro" if node["ro"] else "rw"
    file = image.get("filename") or node.get("file", "")
    if has_file and not file.startswith("json:"):
        file = file.removeprefix(f"{node.get('drv')}:").removeprefix("//")
        is_long = len(file) > _LONGEST_FILE
        facts["file"] = f"…{file[1 - _LONGEST_FILE :]}" if is_long else file
    return fill(_NODE, facts)


def _edge(edge: Mapping[str, Any], keys: Mapping[Any, str]) -> GraphEdge:
    role, note = edge["name"], ""
    if "perm" in edge:
        note = f"[{_permissions(edge['perm'])}/{_permissions(edge['shared-perm'])}]"
    parent, child = keys.get(edge["parent"], ""), keys.get(edge["child"], "")
    return GraphEdge(parent, child, role, note, is_chain=role == "backing")


def _permissions(names: Sequence[str]) -> str:
    return "".join(letter for name, letter in _PERMISSIONS.items() if name in names) or "-"
