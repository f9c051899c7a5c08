"""Line icons of the demonstration apps, each on a grid of 24 by 24."""

from dataclasses import dataclass

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Stroke:
    """A line through `points`, two units wide unless told; `closed` fills the shape inside."""

    points: tuple[Point, ...]
    closed: bool = False
    width: float = 2


@dataclass(frozen=True, slots=True)
class Ring:
    """A circle around `centre`; `filled` makes it a disc. `sweep` is in degrees from 3 o'clock."""

    centre: Point
    radius: float
    filled: bool = False
    sweep: tuple[float, float] = (0, 360)
    width: float = 2


def _line(*points: Point, width: float = 2) -> Stroke:
    return Stroke(points, width=width)


def _solid(*points: Point) -> Stroke:
    return Stroke(points, closed=True)


ICONS: dict[str, tuple[Stroke | Ring, ...]] = {
    "check": (_line((5, 12.5), (10, 17.5), (19, 7), width=2.6),),
    "back": (_line((20, 12), (5, 12)), _line((11.5, 5.5), (5, 12), (11.5, 18.5))),
    "close": (_line((6, 6), (18, 18)), _line((18, 6), (6, 18))),
    "right": (_line((9, 5), (16, 12), (9, 19)),),
    "down": (_line((5, 9), (12, 16), (19, 9)),),
    "more": (
        Ring((12, 5), 1.6, filled=True),
        Ring((12, 12), 1.6, filled=True),
        Ring((12, 19), 1.6, filled=True),
    ),
    "share": (
        Ring((18, 5.5), 2.6),
        Ring((6, 12), 2.6),
        Ring((18, 18.5), 2.6),
        _line((8.3, 10.8), (15.7, 6.7)),
        _line((8.3, 13.2), (15.7, 17.3)),
    ),
    "download": (
        _line((12, 3), (12, 15)),
        _line((6.5, 10), (12, 15.5), (17.5, 10)),
        _line((4, 20.5), (20, 20.5)),
    ),
    "copy": (
        _line((8, 8), (20, 8), (20, 21), (8, 21), (8, 8), width=1.8),
        _line((4, 16), (4, 3), (15, 3), width=1.8),
    ),
    "bank": (
        _solid((3, 9), (12, 3), (21, 9)),
        _line((6, 11), (6, 17)),
        _line((12, 11), (12, 17)),
        _line((18, 11), (18, 17)),
        _line((3, 20), (21, 20), width=2.4),
    ),
    "home": (_line((3, 11.5), (12, 4), (21, 11.5)), _line((6, 10), (6, 20), (18, 20), (18, 10))),
    "bell": (
        _line((5, 17), (7, 14), (7, 9.5), (9, 6), (12, 5), (15, 6), (17, 9.5), (17, 14), (19, 17)),
        _line((5, 17), (19, 17)),
        Ring((12, 19.5), 1.8, filled=True),
    ),
    "help": (
        Ring((12, 12), 9, width=1.8),
        Ring((12, 10), 2.8, sweep=(180, 400), width=1.8),
        _line((12, 13), (12, 14.4), width=1.8),
        Ring((12, 17), 1.2, filled=True),
    ),
    "search": (Ring((10.5, 10.5), 6.5), _line((15.5, 15.5), (21, 21))),
    "lock": (
        _solid((5, 11), (19, 11), (19, 21), (5, 21)),
        Ring((12, 10), 4.6, sweep=(180, 360)),
    ),
    "phone": (
        _solid(
            (4, 3), (8, 3), (9.5, 8), (7.5, 10), (10, 14), (14, 16.5), (16, 14.5),
            (21, 16), (21, 20), (19, 21.5), (12, 19), (6, 13), (3, 6),
        ),
    ),
    "video": (
        _line((3, 7), (15, 7), (15, 17), (3, 17), (3, 7)),
        _solid((16.5, 11), (21.5, 7.5), (21.5, 16.5), (16.5, 13)),
    ),
    "plus": (_line((12, 4), (12, 20)), _line((4, 12), (20, 12))),
    "smile": (
        Ring((12, 12), 9, width=1.8),
        Ring((12, 13), 4.6, sweep=(15, 165), width=1.8),
        Ring((9, 9.5), 1.3, filled=True),
        Ring((15, 9.5), 1.3, filled=True),
    ),
    "clip": (
        _line((17.5, 8), (9.5, 16), width=1.8),
        Ring((8.2, 14.8), 1.9, sweep=(45, 225), width=1.8),
        _line((6.9, 13.5), (14, 6.4), width=1.8),
        Ring((16.4, 8.8), 3.4, sweep=(225, 405), width=1.8),
        _line((18.8, 11.2), (11, 19), width=1.8),
        Ring((7.8, 15.8), 4.5, sweep=(45, 225), width=1.8),
    ),
    "camera": (
        _line((3, 8), (8, 8), (9.5, 5), (14.5, 5), (16, 8), (21, 8), (21, 19), (3, 19), (3, 8)),
        Ring((12, 13), 3.4),
    ),
    "mic": (
        _line((12, 5), (12, 11), width=5.6),
        Ring((12, 11), 6, sweep=(0, 180), width=1.8),
        _line((12, 17), (12, 21), width=1.8),
    ),
    "send": (_solid((3, 4), (22, 12), (3, 20), (6.5, 12)),),
    "ticks": (
        _line((1.5, 12.5), (6, 17), (14.5, 7.5), width=1.8),
        _line((9, 15), (11.5, 17), (20, 7.5), width=1.8),
    ),
    "wallet": (
        _line((3, 7), (19, 7), (19, 19), (3, 19), (3, 7)),
        _line((3, 7), (16, 4), width=1.8),
        Ring((15.5, 13), 1.6, filled=True),
    ),
    "clock": (Ring((12, 12), 9), _line((12, 6.5), (12, 12), (16, 14))),
    "user": (
        Ring((12, 8), 4, filled=True),
        Ring((12, 22), 8, sweep=(180, 360)),
    ),
    "bolt": (_solid((13.5, 2), (4.5, 13.5), (11, 13.5), (10, 22), (19, 10), (12.5, 10)),),
    "star": (
        _solid(
            (12, 2.5), (14.9, 8.9), (21.8, 9.6), (16.6, 14.2), (18.1, 21),
            (12, 17.4), (5.9, 21), (7.4, 14.2), (2.2, 9.6), (9.1, 8.9),
        ),
    ),
    "leaf": (
        _solid(
            (20.5, 3), (20.8, 9), (18.8, 14.5), (15, 17.6), (10.5, 18), (7.5, 16.6),
            (6, 13.5), (6.6, 9.4), (9.6, 5.6), (14.6, 3.6),
        ),
        _line((3.5, 21), (7, 16.5)),
    ),
    "wave": (
        Ring((6, 11), 4, sweep=(180, 360), width=2.6),
        Ring((14, 11), 4, sweep=(0, 180), width=2.6),
        Ring((22, 11), 4, sweep=(180, 270), width=2.6),
    ),
    "wifi": (
        Ring((12, 19), 2.2, filled=True),
        Ring((12, 19), 7, sweep=(225, 315), width=2.6),
        Ring((12, 19), 12, sweep=(225, 315), width=2.6),
        Ring((12, 19), 17, sweep=(225, 315), width=2.6),
    ),
    "signal": (
        _solid((2, 16), (5.5, 16), (5.5, 21), (2, 21)),
        _solid((8, 12), (11.5, 12), (11.5, 21), (8, 21)),
        _solid((14, 8), (17.5, 8), (17.5, 21), (14, 21)),
        _solid((20, 4), (23.5, 4), (23.5, 21), (20, 21)),
    ),
    "bars": (_solid((3, 21), (21, 3), (21, 21)),),
    "square": (_line((5, 5), (19, 5), (19, 19), (5, 19), (5, 5), width=1.8),),
    "triangle": (_line((17, 4), (6, 12), (17, 20), (17, 4), width=1.8),),
    "circle": (Ring((12, 12), 7.5, width=1.8),),
    "reload": (
        Ring((12, 12), 7.5, sweep=(-30, 260)),
        _solid((15, 8.5), (22, 9.5), (19.5, 3.5)),
    ),
    "menu": (_line((4, 6), (20, 6)), _line((4, 12), (20, 12)), _line((4, 18), (20, 18))),
    "print": (
        _line((7, 8), (7, 3), (17, 3), (17, 8)),
        _line((7, 17), (3, 17), (3, 8), (21, 8), (21, 17), (17, 17)),
        _line((7, 14), (17, 14), (17, 21), (7, 21), (7, 14)),
    ),
    "inbox": (
        _line((3, 13), (6, 4), (18, 4), (21, 13), (21, 20), (3, 20), (3, 13)),
        _line((3, 13), (9, 13), (10, 16), (14, 16), (15, 13), (21, 13)),
    ),
    "bin": (
        _line((4, 6), (20, 6)),
        _line((9, 6), (9, 3), (15, 3), (15, 6)),
        _line((6, 6), (7, 21), (17, 21), (18, 6)),
    ),
    "reply": (
        _line((9, 5), (3, 11), (9, 17)),
        _line((3, 11), (13, 11), (18, 13), (20.5, 19)),
    ),
}  # fmt: skip
