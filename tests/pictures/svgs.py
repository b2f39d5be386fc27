"""Drawings for tests, good and hostile."""

from __future__ import annotations

import base64
import io

from PIL import Image

NAMESPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


def svg(inside: str, attributes: str = 'width="100" height="100"', before: str = "") -> bytes:
    return f"{before}<svg {NAMESPACES} {attributes}>{inside}</svg>".encode()


def embedded(body: bytes, kind: str, width: int, height: int) -> bytes:
    link = f"data:image/{kind};base64,{base64.b64encode(body).decode()}"
    image = f'<image width="{width}" height="{height}" xlink:href="{link}"/>'
    return svg(image, f'width="{width}" height="{height}"')


def svg_with_gps() -> bytes:
    """A drawing with a photograph that says where it was taken, and XMP of its own."""
    exif = Image.Exif()
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    body = io.BytesIO()
    Image.new("RGB", (64, 48), (200, 80, 60)).save(body, "JPEG", exif=exif.tobytes())
    xmp = '<metadata><x:xmpmeta xmlns:x="adobe:ns:meta/"/>GPS</metadata><title>Software</title>'
    return embedded(body.getvalue(), "jpeg", 64, 48).replace(b"<image", xmp.encode() + b"<image")


RED = '<rect width="100" height="100" fill="#f00"/>'


def doubling(levels: int, fan: int = 10) -> str:
    """Groups that use the one before `fan` times each: fan ** levels rectangles."""
    uses = "".join(
        f'<g id="g{level}">' + f'<use href="#g{level - 1}"/>' * fan + "</g>" for level in range(1, levels + 1)
    )
    return f'<defs><g id="g0"><rect width="9" height="9"/></g>{uses}</defs><use href="#g{levels}"/>'


def patterns(levels: int, fan: int = 10, *, before: str = "", by_class: bool = False) -> str:
    """Patterns that are filled with the one before, `fan` times each."""
    size = 'width=".3" height=".3"'
    wanted = 'class="a p{}"' if by_class else 'fill="url(#p{})"'
    drawn = f'<pattern id="p0" {size}>{RED}</pattern>' + "".join(
        f'<pattern id="p{n}" {size}>' + f'<rect width="9" height="9" {wanted.format(n - 1)}/>' * fan + "</pattern>"
        for n in range(1, levels + 1)
    )
    return f'{before}{drawn}<rect width="50" height="50" {wanted.format(levels)}/>'


def filters(steps: int, step: str = '<feGaussianBlur stdDeviation="90"/>') -> str:
    return f'<filter id="f">{step * steps}</filter><g filter="url(#f)">{RED}</g>'


ENTITIES = '<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
EXTERNAL = '<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
PARAMETER = '<!DOCTYPE svg [<!ENTITY % x SYSTEM "http://127.0.0.1:1/x.dtd"> %x;]>'

REFUSED: dict[str, tuple[bytes, str]] = {
    "entity bomb": (svg("<text>&b;</text>", before=ENTITIES), "undecodable_media"),
    "external entity": (svg("<text>&x;</text>", before=EXTERNAL), "undecodable_media"),
    "parameter entity": (svg(RED, before=PARAMETER), "undecodable_media"),
    "entity of an unread subset": (
        svg("<text>&x;</text>", before='<!DOCTYPE svg SYSTEM "http://127.0.0.1:1/x.dtd">'),
        "undecodable_media",
    ),
    "huge": (svg(RED, 'width="1e9" height="1e9"'), "limit_exceeded"),
    "huge in inches": (svg(RED, 'width="900000in" height="1"'), "limit_exceeded"),
    "many pixels": (svg(RED, 'width="30000" height="30000"'), "limit_exceeded"),
    "deep": (svg("<g>" * 5000 + RED + "</g>" * 5000), "limit_exceeded"),
    "use bomb": (svg(doubling(9)), "limit_exceeded"),
    "use of oneself": (svg('<g id="a"><use href="#a"/></g>'), "undecodable_media"),
    "pattern of oneself": (
        svg('<pattern id="p" width="9" height="9"><rect fill="url(#p)" width="9" height="9"/></pattern>' + RED),
        "undecodable_media",
    ),
    "marker bomb": (
        svg(
            '<marker id="m"><path d="'
            + "M1 1" * 999
            + '"/></marker><marker id="n"><path marker-mid="url(#m)" d="'
            + "M1 1" * 999
            + '"/></marker><path marker-mid="url(#n)" d="'
            + "M1 1" * 999
            + '"/>'
        ),
        "limit_exceeded",
    ),
    "markers for all of a group": (
        svg(
            '<marker id="m">' + RED * 300 + '</marker><g marker-mid="url(#m)"><path d="' + "M1 1" * 999 + '"/></g>',
        ),
        "limit_exceeded",
    ),
    "pattern for all of a group": (
        svg(f'<pattern id="p" width=".1" height=".1">{RED * 300}</pattern><g fill="url(#p)">{"<path/>" * 999}</g>'),
        "limit_exceeded",
    ),
    "pattern bomb": (svg(patterns(7)), "limit_exceeded"),
    "pattern bomb by classes": (
        svg(
            "<style>"
            + "".join(f"rect[class='a p{n}']{{fill:url(#p{n})}}" for n in range(8))
            + f"</style>{patterns(7, by_class=True)}"
        ),
        "undecodable_media",
    ),
    "long text": (svg("<text>" + "lorem " * 20_000 + "</text>"), "limit_exceeded"),
    "octaves": (
        svg(filters(1, '<feTurbulence numOctaves="1000000" baseFrequency=".01"/>')),
        "limit_exceeded",
    ),
    "wide morphology": (svg(filters(1, '<feMorphology radius="5000"/>')), "limit_exceeded"),
    "filter bomb": (svg(filters(3000)), "limit_exceeded"),
    "layer bomb": (svg('<g opacity=".9">' * 60 + RED + "</g>" * 60, 'width="8000" height="8000"'), "limit_exceeded"),
    "layer bomb in a style sheet": (
        svg("<style>.a{opacity:.9}</style>" + '<g class="a">' * 60 + RED + "</g>" * 60, 'width="8000" height="8000"'),
        "limit_exceeded",
    ),
    "layer bomb behind a rule for others": (
        svg(
            "<style>g:hover{opacity:1}</style>" + '<g opacity=".9">' * 60 + RED + "</g>" * 60,
            'width="8000" height="8000"',
        ),
        "limit_exceeded",
    ),
    "many elements": (svg("<g/>" * 60_000), "limit_exceeded"),
    "many attributes": (svg(f"<g {' '.join(f'a{n}=' + chr(34) * 2 for n in range(99))}/>"), "limit_exceeded"),
    "many rules": (svg("<style>" + ".a{fill:red}" * 2000 + "</style>"), "limit_exceeded"),
    "long": (svg(f"<desc>{'x' * 5_000_000}</desc>"), "limit_exceeded"),
    "not well-formed": (svg("<g>"), "undecodable_media"),
    "another root": (
        b'<html xmlns="http://www.w3.org/1999/xhtml"><svg xmlns="http://www.w3.org/2000/svg"/></html>',
        "undecodable_media",
    ),
    "no such encoding": (b'<?xml version="1.0" encoding="x-none"?>' + svg(RED), "undecodable_media"),
}

SLOW: dict[str, bytes] = {
    "letters": svg(f'<g class="{"a" * 100_000}"/>{RED}'),
    "spaces": svg(f'<g class="a{" " * 100_000}b"/>{RED}'),
    "spaces in a link": svg(f'<g fill="url(#a{" " * 100_000}b"/>{RED}'),
    "digits": svg(RED, f'width="{"1" * 100_000}!" height="100"'),
    "at-rules": svg(f"<style>{'@a{}' * 500_000}</style>{RED}"),
    "statements": svg(f"<style>{'@a;' * 500_000}a{{fill:red}}</style>{RED}"),
}
"""Read in a moment, or in the square of their length."""

CANARY = "canary7f3a"
SMUGGLED = (
    f"<script>{CANARY}</script>",
    f'<script href="data:text/javascript,{CANARY}"/>',
    f'<rect onload="{CANARY}" width="9" height="9"/>',
    f'<g ONCLICK="{CANARY}"/>',
    f'<a href="javascript:{CANARY}">{RED}</a>',
    f'<a xlink:href="https://{CANARY}/">{RED}</a>',
    f'<use href="https://{CANARY}/x.svg#a"/>',
    f'<use href="file:///{CANARY}#a"/>',
    f'<use xlink:href="data:image/svg+xml,{CANARY}#a"/>',
    f'<image href="https://{CANARY}/x.png"/>',
    f'<image xlink:href="file:///{CANARY}.png"/>',
    f'<image href="data:image/svg+xml;base64,{base64.b64encode(CANARY.encode()).decode()}"/>',
    f"<foreignObject><p>{CANARY}</p></foreignObject>",
    f'<animate attributeName="href" to="javascript:{CANARY}"/>',
    f'<set attributeName="onload" to="{CANARY}"/>',
    f"<style>@import url(https://{CANARY}/x.css);</style>",
    f"<style>@font-face{{src:url(https://{CANARY}/x)}} .a{{fill:red}}</style>",
    f"<style>.a{{fill:url(https://{CANARY}/x)}}</style>",
    f"<style>.a{{fill:\\75rl(https://{CANARY}/x)}}</style>",
    f"<style>.a{{background-image:url(https://{CANARY}/x)}}</style>",
    f"<style>.a{{fill:image-set('https://{CANARY}/x')}}</style>",
    f"<style>.a{{--x:{CANARY}}}</style>",
    f'<rect style="fill:url(//{CANARY}/x)" width="9" height="9"/>',
    f'<rect style="fill:u/**/rl(https://{CANARY})" width="9" height="9"/>',
    f'<rect fill="url(https://{CANARY}/x#a)" width="9" height="9"/>',
    f'<rect filter="url(\'https://{CANARY}/x#a\')" width="9" height="9"/>',
    f'<filter id="f"><feImage href="https://{CANARY}/x.png"/></filter>',
    f"<metadata>{CANARY}</metadata>",
    f"<title>{CANARY}</title>",
    f"<desc>{CANARY}</desc>",
    f"<!-- {CANARY} -->",
    f"<?xml-stylesheet href='https://{CANARY}/x.css'?>",
    f'<x:a xmlns:x="urn:{CANARY}">{CANARY}</x:a>',
    f'<g xmlns:i="http://www.inkscape.org/" i:export-filename="/home/{CANARY}/x.png"/>',
    f'<h:script xmlns:h="http://www.w3.org/1999/xhtml">{CANARY}</h:script>',
    f'<g data-name="{CANARY}" aria-label="{CANARY}"/>',
    f"<font><glyph d='{CANARY}'/></font>",
    f"<rect>{CANARY}</rect>",
    f'<rect xml:base="https://{CANARY}/" width="9" height="9"/>',
    f"<text><![CDATA[{'x'}]]></text><script><![CDATA[{CANARY}]]></script>",
)
"""Each may be left out or refused; the word must not come through."""
