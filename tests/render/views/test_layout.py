"""Test trees and numbers of views."""

from __future__ import annotations

import pytest

from qmpshell.render import PLAIN, plain_text_of
from qmpshell.render.views.graph import TreeNode, ascii_lines, draw_tree
from qmpshell.render.views.numbers import size_text


def _node(name: str, *children: TreeNode) -> TreeNode:
    return TreeNode([(PLAIN, name)], children)


def _drawn(*roots: TreeNode) -> list[str]:
    return list(map(plain_text_of, draw_tree(roots)))


def test_tree_is_drawn_with_lines() -> None:
    root = _node("a", _node("b", _node("c"), _node("d")), _node("e", _node("f")))
    assert _drawn(root, _node("g")) == [
        "a",
        "├─ b",
        "│  ├─ c",
        "│  └─ d",
        "└─ e",
        "   └─ f",
        "g",
    ]
    assert ascii_lines("├─ b\n│  └─ c") == "|- b\n|  `- c"


def test_tree_of_any_depth_is_drawn() -> None:
    node = _node("x")
    for _ in range(2000):
        node = _node("x", node)
    assert len(_drawn(node)) == 2001


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (1 << 60, "1 EiB"),
        (1 << 80, "1048576 EiB"),
        (-2048, "-2 KiB"),
    ],
)
def test_size_text_has_binary_unit(size: int, text: str) -> None:
    assert size_text(size) == text
