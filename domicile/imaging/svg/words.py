"""What an SVG may consist of (SVG 2, with what SVG 1.1 adds). Everything else is left out, silently.

Not here: scripts, event handlers, animations (they can set links), foreign content, fonts, links to elsewhere, titles,
descriptions and metadata, and whatever belongs to another namespace.
"""

from __future__ import annotations

SVG, XLINK, XML = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink", "http://www.w3.org/XML/1998/namespace"

SHAPES = frozenset("circle ellipse line path polygon polyline rect".split())
GROUPS = frozenset("svg g defs symbol switch clipPath mask marker pattern".split())
TEXTS = frozenset("text tspan textPath".split())
GRADIENTS = frozenset("linearGradient radialGradient stop".split())
PRIMITIVES = frozenset(
    (
        "feBlend feColorMatrix feComponentTransfer feComposite feConvolveMatrix feDiffuseLighting feDisplacementMap"
        " feDropShadow feFlood feGaussianBlur feMerge feMorphology feOffset feSpecularLighting feTile feTurbulence"
    ).split()
)
"""Steps of a filter; `feImage`, which fetches, is none of them."""
PARTS_OF_PRIMITIVES = frozenset(
    "feDistantLight feFuncA feFuncB feFuncG feFuncR feMergeNode fePointLight feSpotLight".split()
)
ELEMENTS = SHAPES | GROUPS | TEXTS | GRADIENTS | PRIMITIVES | PARTS_OF_PRIMITIVES | {"filter", "use", "image", "style"}
UNWRAPPED = frozenset({"a"})
"""Becomes a group: what it shows stays, where it leads does not."""

PROPERTIES = frozenset(
    (
        "alignment-baseline baseline-shift clip-path clip-rule color color-interpolation color-interpolation-filters"
        " cursor direction display dominant-baseline enable-background fill fill-opacity fill-rule filter flood-color"
        " flood-opacity font font-family font-size font-size-adjust font-stretch font-style font-variant font-weight"
        " glyph-orientation-horizontal glyph-orientation-vertical image-rendering isolation kerning letter-spacing"
        " lighting-color marker marker-end marker-mid marker-start mask mask-type mix-blend-mode opacity overflow"
        " paint-order pointer-events shape-rendering stop-color stop-opacity stroke stroke-dasharray stroke-dashoffset"
        " stroke-linecap stroke-linejoin stroke-miterlimit stroke-opacity stroke-width text-anchor text-decoration"
        " text-rendering transform transform-box transform-origin unicode-bidi vector-effect visibility white-space"
        " word-spacing writing-mode"
    ).split()
)
"""Of style sheets, `style` attributes, and attributes of their own."""
ATTRIBUTES = PROPERTIES | frozenset(
    (
        "amplitude azimuth baseFrequency bias class clipPathUnits cx cy d diffuseConstant divisor dx dy edgeMode elevation"
        " exponent filterUnits fr fx fy gradientTransform gradientUnits height id in in2 intercept k1 k2 k3 k4"
        " kernelMatrix kernelUnitLength lengthAdjust limitingConeAngle markerHeight markerUnits markerWidth"
        " maskContentUnits maskUnits method mode numOctaves offset operator order orient pathLength patternContentUnits"
        " patternTransform patternUnits points pointsAtX pointsAtY pointsAtZ preserveAlpha preserveAspectRatio"
        " primitiveUnits r radius refX refY requiredFeatures result rotate rx ry scale seed side slope spacing"
        " specularConstant specularExponent spreadMethod startOffset stdDeviation stitchTiles style surfaceScale"
        " systemLanguage tableValues targetX targetY textLength type values version viewBox width x x1 x2"
        " xChannelSelector y y1 y2 yChannelSelector z"
    ).split()
)
FUNCTIONS = frozenset(
    (
        "url rgb rgba hsl hsla matrix translate translatex translatey rotate scale scalex scaley skewx skewy"
        " blur brightness contrast drop-shadow grayscale hue-rotate invert opacity saturate sepia"
    ).split()
)
"""That a value may call; `url` only with a place in the same file."""
EMPTY = frozenset({""})
"""The namespace of files that name none."""
