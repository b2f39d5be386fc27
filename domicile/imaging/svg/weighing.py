"""How much drawing an SVG is, before any is done: references followed, as often as they are used.

    elements    instances that are drawn
    passes      times that all pixels are gone over: layers, clips, masks, steps of filters
    layers      pictures that exist at a time: nested layers, results of a filter
    letters     characters of text
    shapes      what a fill that a group hands down is used for; corners: what its markers are

Style sheets count for every element that one of their last names fits; that is more than they mean, never less.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from domicile.imaging.svg.cleaning import HREF, Drawing
from domicile.imaging.svg.css import REFERENCE, Rule, clean_declarations
from domicile.imaging.svg.reading import Node
from domicile.imaging.svg.words import PRIMITIVES, SHAPES
from domicile.media.errors import LimitExceeded, UndecodableMedia

INSTANCES_MAX = 100_000
LETTERS_MAX = 50_000
"""A line is laid out in the square of its length: some three seconds."""
CHAIN_MAX = 150
"""Elements and references inside one another."""
LAYER_PROPERTIES = frozenset({"opacity", "mix-blend-mode", "isolation", "filter", "mask", "clip-path"})
"""Each makes an element a picture of its own first."""
PLAIN_VALUES = frozenset({"1", "1.0", "100%", "normal", "auto", "none"})
FILLS = frozenset({"fill", "stroke"})
CLIPPED = frozenset({"svg", "symbol", "image"})
STEP_PASSES = {
    "feGaussianBlur": 25,
    "feDropShadow": 30,
    "feMorphology": 60,
    "feConvolveMatrix": 60,
    "feTurbulence": 100,
}
OTHER_STEP_PASSES = 8
FILTER_LAYERS = 3
"""What goes in, in two forms, and what comes out; each step keeps its result beside them."""
STEPS_MAX, OCTAVES_MAX = 100, 10
RADIUS_MAX, ORDER_MAX = 50.0, 9.0
FUNCTION_PASSES = 25
NUMBER = re.compile(r"[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Weight:
    elements: int = 0
    passes: int = 0
    layers: int = 0
    letters: int = 0
    shapes: int = 0
    corners: int = 0

    def beside(self, other: Weight, times: int = 1) -> Weight:
        return Weight(
            self.elements + other.elements * times,
            self.passes + other.passes * times,
            max(self.layers, other.layers),
            self.letters + other.letters * times,
            self.shapes + other.shapes,
            self.corners + other.corners,
        )


def weigh(drawing: Drawing) -> Weight:
    """Raises LimitExceeded for more than INSTANCES_MAX, UndecodableMedia for a drawing that contains itself."""
    return _Scale(drawing).of(drawing.root, 0)


class _Scale:
    def __init__(self, drawing: Drawing) -> None:
        self._by_id: dict[str, Node] = {}
        self._known: dict[int, Weight] = {}
        self._open: set[int] = set()
        self._rules = [(rule, rule.tokens) for rule in drawing.sheets.rules if _is_costly(rule)]
        self._index(drawing.root)

    def _index(self, node: Node) -> None:
        if (name := node.attributes.get("id")) is not None:
            self._by_id.setdefault(name, node)
        for child in node.children:
            if isinstance(child, Node):
                self._index(child)

    def of(self, node: Node, depth: int) -> Weight:
        key = id(node)
        if key in self._open:
            raise UndecodableMedia("Invalid image file: the drawing contains itself")
        if key not in self._known:
            if depth > CHAIN_MAX:
                raise LimitExceeded(f"Maximum depth of an SVG is {CHAIN_MAX} elements, references included")
            self._open.add(key)
            self._known[key] = self._weigh(node, depth + 1)
            self._open.discard(key)
        return self._known[key]

    def _weigh(self, node: Node, depth: int) -> Weight:
        is_drawn = node.tag in SHAPES or node.tag == "text"
        found = Weight(1, shapes=int(is_drawn), corners=_corners(node) if is_drawn else 0)
        for child in node.children:
            inside = self.of(child, depth) if isinstance(child, Node) else Weight(letters=len(child))
            found = found.beside(inside)
        if HREF in node.attributes and node.tag != "image":
            found = self._with(found, node.attributes[HREF].removeprefix("#"), depth, 1)
        if node.tag in PRIMITIVES:
            found = found.beside(Weight(passes=_step(node)))
        if node.tag == "filter":
            steps = sum(isinstance(child, Node) for child in node.children)
            if steps > STEPS_MAX:
                raise LimitExceeded(f"Maximum number of steps of a filter in an SVG is {STEPS_MAX}")
            found = replace(found, layers=FILTER_LAYERS + steps)
        properties = self._properties(node)
        own_shapes, own_corners = found.shapes, found.corners
        for name, value in properties.items():
            for target in REFERENCE.findall(value):
                found = self._with(found, target, depth, max(1, self._times(name, target, own_shapes, own_corners)))
        own = sum(value not in PLAIN_VALUES for name, value in properties.items() if name in LAYER_PROPERTIES)
        own += node.tag in CLIPPED
        calls = properties.get("filter", "").count("(") * FUNCTION_PASSES
        found = replace(
            found,
            passes=found.passes + own + calls,
            layers=found.layers + own + min(calls, 3),
            shapes=own_shapes,
            corners=own_corners,
        )
        if found.elements > INSTANCES_MAX:
            raise LimitExceeded(f"Maximum number of elements in an SVG is {INSTANCES_MAX}, references included")
        if found.letters > LETTERS_MAX:
            raise LimitExceeded(f"Maximum number of letters in an SVG is {LETTERS_MAX}, references included")
        return found

    def _times(self, name: str, target: str, shapes: int, corners: int) -> int:
        """How often it is used. Markers and fills are handed down by groups; of fills, gradients are made once."""
        if name.startswith("marker"):
            return corners
        node = self._by_id.get(target)
        return shapes if name in FILLS and node is not None and node.tag == "pattern" else 1

    def _with(self, found: Weight, target: str, depth: int, times: int) -> Weight:
        node = self._by_id.get(target)
        return found if node is None else found.beside(self.of(node, depth), times)

    def _properties(self, node: Node) -> dict[str, str]:
        """What may apply; where a sheet and the element both speak, both are counted."""
        found = dict(node.attributes)
        names = {node.tag, "#" + node.attributes.get("id", "")}
        names |= {"." + name for name in node.attributes.get("class", "").split()}
        sets = [clean_declarations(node.attributes.get("style", ""))]
        sets += [rule.declarations for rule, tokens in self._rules if not tokens or tokens & names]
        for declarations in sets:
            for name, value in declarations.items():
                before = found.get(name, "")
                is_costly = REFERENCE.search(before) or (name in LAYER_PROPERTIES and before not in PLAIN_VALUES)
                found[name] = f"{before} {value}" if before and is_costly else value
        found.pop("d", None)
        return found


def _is_costly(rule: Rule) -> bool:
    return any(name in LAYER_PROPERTIES or REFERENCE.search(value) for name, value in rule.declarations.items())


def _corners(node: Node) -> int:
    """Of a path: as many markers as there can be."""
    return 2 + sum(len(NUMBER.findall(node.attributes.get(name, ""))) for name in ("d", "points"))


def _step(node: Node) -> int:
    """Raises LimitExceeded for numbers that no picture needs."""
    for name, most in (("numOctaves", OCTAVES_MAX), ("radius", RADIUS_MAX), ("order", ORDER_MAX)):
        numbers = [float(found) for found in NUMBER.findall(node.attributes.get(name, ""))]
        if any(number > most for number in numbers):
            raise LimitExceeded(f"Maximum {name} in an SVG is {most:g}")
    return STEP_PASSES.get(node.tag, OTHER_STEP_PASSES)
