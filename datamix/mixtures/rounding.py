"""Controlled rounding: whole sequences by segment and component, with all sums rounded consistently and zeros kept.

The exact counts are a flow: from each segment (a phase's ramp, or the rest of it) through its cells to the phase, and
from there down a chain of running sums, one chain for each component, into a common sink. Wherever the flow is
fractional there is a cycle of fractional edges, since what enters and leaves a node is whole in sum; pushing flow
around it until an edge becomes whole, again and again, leaves every edge at its floor or its ceiling (Bacharach 1966;
Cox 1987). So segments, phases and running sums are all within one of the exact counts, sums of segments are kept, and
what was whole, zero above all, stays.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction


@dataclass(slots=True)
class _Edge:
    """A directed edge; its flow is in units of 1/denominator."""

    tail: int
    head: int
    flow: int


def controlled_rounding(phases: Sequence[Sequence[Sequence[Fraction]]]) -> list[list[list[int]]]:
    """Round counts so that every cell, phase and running sum becomes its floor or its ceiling.

    Args:
        phases: exact counts [phase][segment][component], not negative; each segment sums to a whole number.

    Returns:
        Counts in the same shape. For each component: each segment, each phase (the sum of its segments) and each sum
        of the phases from the first is the floor or ceiling of the exact one; each segment sums to what it did.
    """
    n_components = len(phases[0][0])
    denominator = math.lcm(*(count.denominator for phase in phases for segment in phase for count in segment))
    edges: list[_Edge] = []
    cells: list[list[list[_Edge]]] = []
    sink = 0
    n_nodes = 1
    running = [0] * n_components
    n_segments = sum(len(phase) for phase in phases)
    # Nodes: the sink, one for each segment, then for each phase and component one of the phase and one of the chain.
    segment_node, n_nodes = 1, 1 + n_segments
    for p, phase in enumerate(phases):
        cells.append([])
        for s, segment in enumerate(phase):
            cells[p].append([])
            for k, count in enumerate(segment):
                flow = count.numerator * (denominator // count.denominator)
                cells[p][s].append(_Edge(segment_node, n_nodes + 2 * k, flow))
                running[k] += flow
            edges += cells[p][s]
            segment_node += 1
        last = p + 1 == len(phases)
        for k in range(n_components):
            node = n_nodes + 2 * k
            edges.append(_Edge(node, node + 1, sum(row[k].flow for row in cells[p])))
            edges.append(_Edge(node + 1, sink if last else node + 1 + 2 * n_components, running[k]))
        n_nodes += 2 * n_components
    _make_whole(edges, n_nodes, denominator)
    return [[[edge.flow // denominator for edge in row] for row in phase] for phase in cells]


def _make_whole(edges: list[_Edge], n_nodes: int, unit: int) -> None:
    """Push flow around cycles of fractional edges until none is left."""
    at: list[dict[int, _Edge]] = [{} for _ in range(n_nodes)]
    for i, edge in enumerate(edges):
        if edge.flow % unit:
            at[edge.tail][i] = edge
            at[edge.head][i] = edge
    for start in range(n_nodes):
        while at[start]:
            cycle = _find_cycle(at, start)
            # Forwards an edge has room up to its ceiling, backwards down to its floor; the shorter push of the two
            # ways round stays nearer to the exact counts.
            up = min(unit - e.flow % unit if forwards else e.flow % unit for _, e, forwards in cycle)
            down = min(e.flow % unit if forwards else unit - e.flow % unit for _, e, forwards in cycle)
            push = up if up <= down else -down
            for i, edge, forwards in cycle:
                edge.flow += push if forwards else -push
                if edge.flow % unit == 0:
                    del at[edge.tail][i]
                    del at[edge.head][i]


def _find_cycle(at: list[dict[int, _Edge]], start: int) -> list[tuple[int, _Edge, bool]]:
    """Walk over fractional edges from `start`, never back over the same one, until a node repeats."""
    path: list[tuple[int, _Edge, bool]] = []
    seen = {start: 0}
    node, came_by = start, -1
    while True:
        i, edge = next((i, edge) for i, edge in at[node].items() if i != came_by)
        forwards = edge.tail == node
        path.append((i, edge, forwards))
        node, came_by = (edge.head if forwards else edge.tail), i
        if node in seen:
            return path[seen[node] :]
        seen[node] = len(path)
