"""Test graphs: their drawings, their text for graphviz, and what they show of a VM."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, strategies as st

from qmpshell.render import plain_text_of, text_width
from qmpshell.render.views.blocks import BLOCK_QUERIES, block_graph
from qmpshell.render.views.device_tree import (
    DEVICE_PROPERTIES,
    PARENT_BUS,
    QomNode,
    Values,
    child_objects,
    device_graph,
    pci_graph,
    qom_graph,
)
from qmpshell.render.views.graph import (
    Graph,
    GraphEdge,
    GraphNode,
    draw_graph,
    graph_dot,
    graph_value,
    node_spans,
)
from qmpshell.render.views.view import WRONG_FORM
from tests.harness.machines import CHAIN
from tests.harness.views import VERSIONS, recorded, results

QUERIES = [ask.name for ask in BLOCK_QUERIES]


def graph_of(nodes: str, *edges: str) -> Graph:
    """Return a graph. An edge is `parent-child`, or `parent=child` in a chain."""
    found: list[GraphEdge] = []
    for text in edges:
        parent, child = re.split("[-=]", text)
        is_chain = "=" in text
        found.append(GraphEdge(parent, child, "backing" if is_chain else "file", is_chain=is_chain))
    return Graph("g", [GraphNode(key, node_spans(key, "")) for key in nodes.split()], found)


def drawn(graph: Graph) -> list[str]:
    return list(map(plain_text_of, draw_graph(graph)))


def test_chain_is_drawn_without_indentation() -> None:
    graph = graph_of("dev a b c fa fb", "dev-a", "a-fa", "a=b", "b-fb", "b=c")
    assert drawn(graph) == [
        "dev",
        "├─ file: a",
        "│  └─ file: fa",
        "├─ backing: b",
        "│  └─ file: fb",
        "└─ backing: c",
    ]


def test_chain_of_a_root_is_below_it() -> None:
    graph = graph_of("a b c fa", "a-fa", "a=b", "b=c")
    assert drawn(graph) == ["a", "├─ file: fa", "├─ backing: b", "└─ backing: c"]


def test_chain_after_another_node_names_its_parent() -> None:
    graph = graph_of("dev a x b y", "dev-a", "a-x", "dev-y", "a=b")
    assert drawn(graph) == [
        "dev",
        "├─ file: a",
        "│  └─ file: x",
        "├─ backing: b",
        "└─ file: y",
    ]


def test_node_with_two_parents_is_drawn_once() -> None:
    graph = graph_of("d e a x", "d-a", "e-a", "a-x")
    assert drawn(graph) == [
        "d",
        "└─ file: a",
        "   └─ file: x",
        "e",
        "└─ file: a  (shared)",
    ]


def test_cycle_is_drawn_once() -> None:
    assert drawn(graph_of("a b c", "b-c", "c-b")) == [
        "a",
        "b",
        "└─ file: c",
        "   └─ file: b  (shared)",
    ]
    assert drawn(graph_of("a b", "a=b", "b=a")) == ["a", "├─ backing: b", "└─ backing: a  (shared)"]


def test_deep_graph_is_drawn() -> None:
    names = [str(number) for number in range(3000)]
    for mark in "-=":
        edges = [f"{a}{mark}{b}" for a, b in pairwise(names)]
        assert len(drawn(graph_of(" ".join(names), *edges))) == 3000


KEYS = st.sampled_from("abcdef")


@given(st.lists(st.tuples(KEYS, KEYS, st.booleans()), max_size=20))
def test_any_graph_shows_every_node_and_edge(edges: list[tuple[str, str, bool]]) -> None:
    graph = graph_of("a b c d e f", *(f"{a}{'=' if chain else '-'}{b}" for a, b, chain in edges))
    lines = drawn(graph)
    roots = sum("file" not in line and "backing" not in line for line in lines)
    assert len(lines) == roots + len(edges)
    for key in "abcdef":
        assert sum(re.search(rf"(^|\W){key}$", line) is not None for line in lines) == 1
    assert len(list(graph_dot(graph))) == 5 + 6 + len(edges)


def test_details_are_below_their_node() -> None:
    details = [[("", "one")], [("", "two")]]
    nodes = [GraphNode(key, node_spans(key, ""), details) for key in "abc"]
    graph = Graph("g", nodes, [GraphEdge("a", "b"), GraphEdge("a", "c"), GraphEdge("c", "b")])
    assert drawn(graph) == [
        "a",
        "│  one",
        "│  two",
        "├─ b",
        "│     one",
        "│     two",
        "└─ c",
        "   │  one",
        "   │  two",
        "   └─ b  (shared)",
    ]
    assert r'  "b" [label="b\none\ntwo"];' in list(graph_dot(graph))


def test_dot_quotes_text() -> None:
    key = 'a"\\'
    nodes = [
        GraphNode(key, [("name", 'x "y"\n\\N'), ("", "  <b>|{c} &lt; ü")]),
        GraphNode("e", [("", "")]),
    ]
    graph = Graph("g", nodes, [GraphEdge(key, key, "r", "n"), GraphEdge(key, "e")])
    assert list(graph_dot(graph)) == [
        'digraph "g" {',
        "  rankdir=LR;",
        '  node [shape=box, fontname="monospace"];',
        '  edge [fontname="monospace"];',
        r"""  "a\"\\" [label="x \"y\"\\x0a\\N\n<b>|{c} &amp;lt; ü"];""",
        '  "e" [label=""];',
        r"""  "a\"\\" -> "a\"\\" [label="r\nn"];""",
        r"""  "a\"\\" -> "e";""",
        "}",
    ]


# -- block nodes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_block_graph_shows_chain_in_80_columns(version: str) -> None:
    found = results(version)
    for node in found["query-named-block-nodes"]:
        node["image"]["filename"] = (
            f"/var/lib/libvirt/images/a-long-name/{node['image']['filename']}"
        )
    lines = drawn(block_graph(found))
    assert all(text_width(line) <= 80 for line in lines)
    backing = [line for line in lines if "backing: " in line]
    assert len(backing) == CHAIN  # the filter of the job has one too
    assert all(line.startswith(("├─ ", "└─ ")) for line in backing)
    for number in range(CHAIN):
        assert any(
            re.search(rf"file: \S+  file  r[ow]  \S*\bi{number}\.qcow2  \[", line) for line in lines
        )


@pytest.mark.parametrize("version", VERSIONS)
def test_block_graph_shows_users_and_bitmaps(version: str) -> None:
    text = "\n".join(drawn(block_graph(results(version))))
    for line in (
        "device vd0\n├─ root: filter  mirror_top  rw  1 GiB  [cw/cur]",
        "├─ backing: top  qcow2  rw  1 GiB  [cw/cu]",
        "bitmap: b0  granularity 64 KiB  dirty 0 B  recording  persistent",
        "device sd0\n└─ root: n0  null-co  rw  8 GiB  [cw/cur]",
        "export e0  nbd\n└─ root: n1",
        "bitmap: b1  granularity 64 KiB  dirty 0 B  recording",
        "job j0  mirror  ready\n├─ main node: filter  (shared)",
        "source: top  (shared)  [-/cwu]",
        "target: target  (shared)  [-/cwur]",
    ):
        assert line in text, text


@pytest.mark.parametrize("version", VERSIONS)
def test_block_graph_has_every_node_and_edge(version: str) -> None:
    found = results(version)
    graph = block_graph(found)
    value: Any = graph_value(graph)
    names = {node["id"] for node in value["nodes"]}
    assert {node["node-name"] for node in found["query-named-block-nodes"]} <= names
    bitmaps = sum(edge.role == "bitmap" for edge in graph.edges)
    assert len(graph.edges) - bitmaps == len(found["x-debug-query-block-graph"]["edges"])
    assert {edge["child"] for edge in value["edges"]} <= names
    assert graph.legend


@pytest.mark.parametrize("missing", QUERIES)
def test_block_graph_needs_no_single_reply(missing: str) -> None:
    found = results("10")
    del found[missing]
    assert drawn(block_graph(found))


def test_nodes_without_server_graph_have_their_own_children() -> None:
    children = [{"child": "backing", "node-name": "b"}, {"child": "file", "node-name": "f"}]
    nodes = [{"node-name": "f"}, {"node-name": "b"}, {"node-name": "a", "children": children}]
    graph = block_graph({"query-named-block-nodes": nodes})
    assert drawn(graph) == ["a", "├─ backing: b", "└─ file: f"]
    assert not graph.legend


# -- devices, QOM and PCI -------------------------------------------------------------------------


def objects_of(version: str) -> tuple[list[QomNode], Values]:
    types: dict[str, str] = {}
    objects: list[QomNode] = []
    values: Values = {}
    for entry in recorded(version):
        path = entry["arguments"].get("path", "")
        if entry["execute"] == "qom-list":
            objects.append(QomNode(path, types.get(path, ""), entry["return"]))
            types |= {item.path: item.type for item in child_objects(path, entry["return"])}
        elif entry["execute"] == "qom-get":
            name = entry["arguments"]["property"]
            assert name in (PARENT_BUS, *DEVICE_PROPERTIES)
            values.setdefault(path, {})[name] = entry["return"]
    return objects, values


@pytest.mark.parametrize("version", VERSIONS)
def test_device_tree_has_buses_and_devices(version: str) -> None:
    objects, values = objects_of(version)
    lines = drawn(device_graph(objects, values))
    text = "\n".join(lines)
    assert lines[0] == "bus main-system-bus  System"
    assert re.search(
        r'pcie-root-port  id "port0"  address 06.0\n.*bus port0  PCIE\n.*e1000e  id "net0"', text
    )
    assert re.search(
        r'virtio-scsi-pci .*\n.*bus virtio-bus.*\n.*\n.*bus scsi0.0.*\n.*scsi-hd  id "sd0"', text
    )
    assert any("x86_64-cpu" in line and line[0] != " " for line in lines)
    assert len(lines) == sum(
        "parent_bus" in item.names or item.names.issuperset({"hotplug-handler", "realized"})
        for item in objects
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_qom_tree_has_every_object(version: str) -> None:
    objects, _ = objects_of(version)
    lines = drawn(qom_graph(objects))
    assert lines[0] == "/machine"
    assert len(lines) == len(objects)
    assert "   ├─ net0 (e1000e)" in [line.replace("│", " ") for line in lines]


@pytest.mark.parametrize("version", VERSIONS)
def test_pci_tree_has_devices_and_regions(version: str) -> None:
    lines = drawn(pci_graph(results(version)["query-pci"]))
    assert lines[0] == "bus 0"
    assert '├─ 05.0  SCSI controller  1af4:1001  id "vd0"  IRQ 0, pin A' in lines
    assert "│     BAR4: 64 bit prefetchable memory (not mapped), 16 KiB" in lines
    assert any(line.startswith("├─ 06.0  PCI bridge") for line in lines)


def test_devices_behind_bridges_are_below_their_bus() -> None:
    region = {"bar": 0, "type": "memory", "size": 4096, "address": 0xFE000000}
    ids = {"vendor": 0x8086, "device": 1}
    common = {"class_info": {"class": 0x604}, "id": ids, "qdev_id": "", "bus": 0}
    below = {**common, "slot": 0, "function": 0, "regions": [region], "irq": 11}
    below["irq_pin"] = 1
    inner = {"bus": {"secondary": 1}, "devices": [below]}
    bridge = {**common, "slot": 2, "function": 1, "regions": [], "pci_bridge": inner}
    assert drawn(pci_graph([{"bus": 0, "devices": [bridge]}])) == [
        "bus 0",
        "└─ 02.1  Class 0604  8086:0001",
        "   └─ bus 1",
        "      └─ 00.0  Class 0604  8086:0001  IRQ 11, pin A",
        "            BAR0: 32 bit memory at 0xfe000000 [0xfe000fff], 4 KiB",
    ]


def test_root_buses_with_same_number_are_separate() -> None:
    common = {
        "class_info": {"class": 1, "desc": "Disk"},
        "id": {"vendor": 1, "device": 2},
        "bus": 0,
    }
    device = {**common, "slot": 0, "function": 0, "regions": [], "qdev_id": ""}
    buses = [{"bus": 0, "devices": [{**device, "qdev_id": name}]} for name in "ab"]
    assert drawn(pci_graph(buses)) == [
        "bus 0",
        '└─ 00.0  Disk  0001:0002  id "a"',
        "bus 0",
        '└─ 00.0  Disk  0001:0002  id "b"',
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "name",
                    "type",
                    "id",
                    "parent",
                    "child",
                    "edges",
                    "nodes",
                    "perm",
                    "node-name",
                    "image",
                    "drv",
                    "dirty-bitmaps",
                    "children",
                    "device",
                    "qdev",
                    "bus",
                    "slot",
                    "function",
                    "devices",
                    "pci_bridge",
                    "regions",
                    "bar",
                    "size",
                    "address",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


def make_or_refuse(make: Callable[[], object]) -> None:
    """Call a function that may raise what a view reports as a reply with an unexpected form."""
    with suppress(*WRONG_FORM):
        make()


def test_node_without_file_shows_none() -> None:
    nodes = [
        {"node-name": "n0", "drv": "null-co", "file": "null-co://"},
        {"node-name": "n1", "drv": "nbd", "file": "nbd://localhost:10809"},
    ]
    shown = drawn(block_graph({"query-named-block-nodes": nodes}))
    assert sorted(shown) == ["n0  null-co", "n1  nbd  localhost:10809"]


@given(st.dictionaries(st.sampled_from(QUERIES), JSON))
def test_any_replies_make_block_graph_or_fail(found: dict[str, Any]) -> None:
    make_or_refuse(lambda: list(graph_dot(block_graph(found))))
    make_or_refuse(lambda: drawn(block_graph(found)))


@given(JSON)
def test_any_reply_makes_trees_or_fails(value: Any) -> None:
    make_or_refuse(lambda: drawn(pci_graph(value)))
    make_or_refuse(lambda: drawn(qom_graph(child_objects("/", value))))
    make_or_refuse(lambda: drawn(device_graph(child_objects("/", value), {})))
