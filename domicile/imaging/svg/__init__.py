"""SVG: read within limits, cut down to what draws, measured and weighed. Nothing here draws (`domicile.imaging.svgs` does).

reading     XML -> nodes: no entities, no external subset, bounded depth and counts
cleaning    nodes -> nodes: an allow-list of elements, attributes and values (`words`, `css`)
weighing    how much drawing it would be, references followed
measuring   how large it is
writing     nodes -> XML
"""
