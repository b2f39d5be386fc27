"""Where the faces of the corpus' photographs are, boxed by eye (brow to chin, ear to ear; pixels as displayed).

CLEAR are those that anybody would recognise; the crowd has more behind them, and one in profile at the lower left edge, in
the dark, that the detector does not see. In night_street four of the passers-by turn to the camera.
"""

from __future__ import annotations

from typing import NamedTuple


class Face(NamedTuple):
    left: int
    top: int
    right: int
    bottom: int


CLEAR: dict[str, tuple[Face, ...]] = {
    "woman_window.jpg": (Face(413, 775, 945, 1465),),
    "kodim04_woman_hat.png": (Face(135, 225, 400, 560),),
    "two_people_shop.jpg": (Face(480, 215, 632, 412), Face(748, 340, 900, 515)),
    "crowd_faces.jpg": (
        Face(413, 570, 606, 810),
        Face(332, 445, 426, 620),
        Face(504, 390, 569, 492),
        Face(836, 413, 930, 547),
        Face(604, 513, 660, 596),
        Face(0, 622, 57, 784),
        Face(502, 1176, 778, 1365),
        Face(805, 330, 876, 408),
        Face(878, 299, 935, 366),
        Face(266, 330, 313, 403),
        Face(1149, 669, 1332, 899),
        Face(1593, 716, 1944, 1161),
        Face(1384, 460, 1515, 612),
        Face(1126, 413, 1233, 499),
        Face(1045, 560, 1113, 701),
        Face(1663, 403, 1750, 495),
        Face(1900, 299, 1954, 387),
        Face(1991, 466, 2048, 586),
        Face(1849, 528, 1931, 638),
        Face(1651, 539, 1829, 617),
        Face(1941, 116, 1996, 171),
        Face(1559, 335, 1628, 419),
        Face(1957, 267, 2006, 330),
        Face(1071, 330, 1134, 413),
        Face(1719, 309, 1768, 374),
    ),
    "night_street.jpg": (
        Face(415, 1665, 450, 1720),
        Face(930, 1620, 970, 1672),
        Face(1052, 1650, 1082, 1695),
        Face(1294, 1652, 1325, 1695),
    ),
}
NOBODY = (
    "hills_landscape.jpg",
    "koala.png",
    "kodim20_plane.png",
    "kodim23_parrots.png",
    "pepper_on_white.jpg",
    "tall_24mp.jpg",
    "thumb_20x20.jpg",
    "wiki_screenshot.png",
)
"""People far away in phone_12mp_exif6_gps_p3.jpg have no faces to see: it proves nothing."""
