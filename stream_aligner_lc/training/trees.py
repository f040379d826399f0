"""Rows that begin alike, as one: what they share is read once, and each learns what it would have learned by itself.

The sentences of one reply have the question and the text before them in common, so a reply of N sentences costs about
its own length, not N times that. A tree is written down depth first; a token sees the tokens on the way to it and
nothing else, and stands at its own depth. What two rows want alike of the same tokens is there, and counts, once. Pure,
no torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from stream_aligner_lc.local.forms import NOT_LEARNED, Row


class Tree(NamedTuple):
    """Rows in one sequence: every list has one entry for each token, and one more to carry the last label."""

    ids: list[int]
    labels: list[int]
    """At every place what the token before it has to say, as in a row."""
    positions: list[int]
    ends: list[int]
    """Where what follows a token ends: token i sees token j if j <= i < ends[j]."""


@dataclass
class _Node:
    token: int
    target: int = NOT_LEARNED
    children: list[_Node] = field(default_factory=list)


def trees(rows: Iterable[Row], *, most: int) -> Iterator[Tree]:
    """Make trees of at most `most` tokens of consecutive rows; a row that is longer by itself is left as it is."""
    roots: list[_Node] = []
    size = 0
    for row in rows:
        added = _missing(roots, row)
        if size and size + added > most:
            yield _written(roots)
            roots, size, added = [], 0, len(row.ids) - 1
        _add(roots, row)
        size += added
    if roots:
        yield _written(roots)


def _missing(roots: Sequence[_Node], row: Row) -> int:
    nodes, count = roots, len(row.ids) - 1
    for at, token in enumerate(row.ids[:-1]):
        node = _fitting(nodes, token, row.labels[at + 1])
        if node is None:
            return count - at
        nodes = node.children
    return 0


def _add(roots: list[_Node], row: Row) -> None:
    nodes = roots
    # The last token is only ever a label.
    for token, target in zip(row.ids[:-1], row.labels[1:], strict=True):
        node = _fitting(nodes, token, target)
        if node is None:
            node = _Node(token)
            nodes.append(node)
        if target != NOT_LEARNED:
            node.target = target
        nodes = node.children


def _fitting(nodes: Sequence[_Node], token: int, target: int) -> _Node | None:
    # Where two rows want different things of one token, each gets its own.
    free = (NOT_LEARNED, target) if target != NOT_LEARNED else None
    return next((node for node in nodes if node.token == token and (free is None or node.target in free)), None)


def _written(roots: Sequence[_Node]) -> Tree:
    tree = Tree([], [NOT_LEARNED], [], [])
    # Not recursive: a path is as long as a row.
    waiting: list[tuple[_Node, int] | int] = [(root, 0) for root in reversed(roots)]
    while waiting:
        item = waiting.pop()
        if isinstance(item, int):
            tree.ends[item] = len(tree.ids)
            continue
        node, depth = item
        waiting.append(len(tree.ids))
        tree.ids.append(node.token)
        tree.labels.append(node.target)
        tree.positions.append(depth)
        tree.ends.append(0)
        waiting += [(child, depth + 1) for child in reversed(node.children)]
    tree.ids.append(tree.ids[-1])
    tree.positions.append(tree.positions[-1] + 1)
    tree.ends.append(len(tree.ids))
    return tree
