"""A graph as an SVG image.

LangGraph renders the image of a graph with a web service: the last line of a notebook cell would send the
graph there, and raise without a network. This image takes the colour of the text around it, so that it is
legible on light and dark pages.
"""

from html import escape

from langchain_core.runnables.graph import Edge, Graph

_WIDTH, _HEIGHT, _ROW, _COLUMN = 120, 34, 74, 160


_FRAME = """
<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width}" height="{height}"
     viewBox="0 0 {width} {height}"
     fill="none" stroke="currentColor" font-family="sans-serif" font-size="13">
  <defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">
    <path d="M0 0 8 4 0 8z" fill="currentColor" stroke="none"/>
  </marker></defs>
  {shapes}
</svg>
"""


def graph_to_svg(graph: Graph) -> str:
    """Draw the nodes in layers, top down by distance from the start. Conditional edges are dashed."""
    positions = _positions(graph)
    lines = [_line(edge, positions) for edge in graph.edges]
    boxes = [_box(graph.nodes[node].name, *position) for node, position in positions.items()]
    return _FRAME.format(
        width=max(x for x, _ in positions.values()) + _COLUMN + 40,
        height=max(y for _, y in positions.values()) + _ROW,
        shapes="\n  ".join([*lines, *boxes]),
    ).strip()


def _layers(graph: Graph) -> list[list[str]]:
    """Return the nodes breadth first from those without incoming edges; those without outgoing edges last."""
    targets = {edge.target for edge in graph.edges}
    sources = {edge.source for edge in graph.edges}
    ends = [node for node in graph.nodes if node in targets - sources]
    layer = [node for node in graph.nodes if node not in targets] or list(graph.nodes)[:1]
    seen, layers = {*layer, *ends}, []
    while layer:
        layers.append(layer)
        following = [edge.target for edge in graph.edges if edge.source in layer]
        layer = [node for node in dict.fromkeys(following) if node not in seen]
        seen.update(layer)
    unreached = [node for node in graph.nodes if node not in seen]
    return [each for each in (*layers, unreached, ends) if each]


def _positions(graph: Graph) -> dict[str, tuple[int, int]]:
    return {
        node: (_COLUMN // 4 + column * _COLUMN, _ROW // 4 + row * _ROW)
        for row, layer in enumerate(_layers(graph))
        for column, node in enumerate(layer)
    }


def _box(name: str, x: int, y: int) -> str:
    return (
        f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="8"/>'
        f'<text x="{x + _WIDTH // 2}" y="{y + 22}" text-anchor="middle" fill="currentColor" stroke="none">'
        f"{escape(name.strip('_'))}</text>"
    )


def _line(edge: Edge, positions: dict[str, tuple[int, int]]) -> str:
    """Draw an edge: to the next layer a straight line, elsewhere a curve at the side."""
    (x, y), (to_x, to_y) = positions[edge.source], positions[edge.target]
    dashes = ' stroke-dasharray="4 4"' if edge.conditional else ""
    if to_y - y == _ROW:
        path = f"M{x + _WIDTH // 2 - 20} {y + _HEIGHT}L{to_x + _WIDTH // 2 - 20} {to_y}"
    else:
        bow = max(x, to_x) + _WIDTH + (50 if to_y > y else 25)
        start, stop = (y + 24, to_y + 12) if to_y > y else (y + 10, to_y + 24)
        path = f"M{x + _WIDTH} {start}C{bow} {start} {bow} {stop} {to_x + _WIDTH} {stop}"
    return f'<path d="{path}"{dashes} marker-end="url(#arrow)"/>'
