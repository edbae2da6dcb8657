"""What the samples of a clip mean: the colour description.

Codes are those of ITU-T H.273 (2 = unspecified); a chroma location is H.273's type + 1 (0 = unspecified),
which is ffmpeg's numbering too. Planes are never converted because of their description: it travels with
them. Conversion to and from RGB is video/rgb.py's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from lvcodec.errors import InputError

UNSPECIFIED = 2
RGB = 0  # the matrix "gbr": red, green and blue themselves, which 4:2:0 planes never are

# names: ffmpeg's
PRIMARIES = {
    "bt709": 1,
    "unknown": 2,
    "bt470m": 4,
    "bt470bg": 5,
    "smpte170m": 6,
    "smpte240m": 7,
    "film": 8,
    "bt2020": 9,
    "smpte428": 10,
    "smpte431": 11,
    "smpte432": 12,
    "ebu3213": 22,
}
TRANSFERS = {
    "bt709": 1,
    "unknown": 2,
    "bt470m": 4,
    "gamma22": 4,
    "bt470bg": 5,
    "gamma28": 5,
    "smpte170m": 6,
    "smpte240m": 7,
    "linear": 8,
    "log100": 9,
    "log316": 10,
    "iec61966-2-4": 11,
    "bt1361e": 12,
    "iec61966-2-1": 13,
    "bt2020-10": 14,
    "bt2020-12": 15,
    "smpte2084": 16,
    "smpte428": 17,
    "arib-std-b67": 18,
}
MATRICES = {
    "gbr": 0,
    "bt709": 1,
    "unknown": 2,
    "fcc": 4,
    "bt470bg": 5,
    "smpte170m": 6,
    "smpte240m": 7,
    "ycgco": 8,
    "bt2020nc": 9,
    "bt2020c": 10,
    "smpte2085": 11,
    "chroma-derived-nc": 12,
    "chroma-derived-c": 13,
    "ictcp": 14,
    "ipt-c2": 15,
    "ycgco-re": 16,
    "ycgco-ro": 17,
}
CHROMA_LOCATIONS = {
    "unspecified": 0,
    "left": 1,
    "center": 2,
    "topleft": 3,
    "top": 4,
    "bottomleft": 5,
    "bottom": 6,
}
# Y4M's tags of 8-bit 4:2:0; what has no tag of its own is written as plain 420
Y4M_LOCATIONS = {"420": 0, "420mpeg2": 1, "420jpeg": 2, "420paldv": 3}


@dataclass(frozen=True)
class Colour:
    """Colour description of a clip, as in ITU-T H.273.

    primaries, transfer, matrix: 0..255, 2 = unspecified. full_range: luma and chroma use 0..255, not 16..235
    and 16..240. chroma_location: 0 unspecified, else H.273's type + 1: 1 left, 2 centre, 3 top left, 4 top, 5
    bottom left, 6 bottom.
    """

    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    matrix: int = UNSPECIFIED
    full_range: bool = False
    chroma_location: int = 0

    def __post_init__(self) -> None:
        for name in ("primaries", "transfer", "matrix"):
            if not 0 <= getattr(self, name) <= 255:
                raise InputError(f"colour {name} {getattr(self, name)} is not in 0..255")
        if not 0 <= self.chroma_location <= 6:
            raise InputError(f"chroma location {self.chroma_location} is not in 0..6")

    def describe(self) -> str:
        """One line for people, as "BT.709-like codes": `bt709/bt709/bt709 limited left`."""
        parts = [
            name_of(PRIMARIES, self.primaries),
            name_of(TRANSFERS, self.transfer),
            name_of(MATRICES, self.matrix),
        ]
        location = name_of(CHROMA_LOCATIONS, self.chroma_location)
        return f"{'/'.join(parts)} {'full' if self.full_range else 'limited'} {location}"


# what untagged RGB input becomes; chroma left-sited where ffmpeg converts, centred where rgb_to_planes does
BT709 = Colour(1, 1, 1, full_range=False, chroma_location=1)


def coded_rgb(colour: Colour) -> Colour:
    """What RGB of that description becomes: its primaries and transfer stay, what it does not say is BT.709.

    The matrix is the one that goes with the primaries: BT.2020's (HDR), else BT.709's.
    """
    if colour.primaries == colour.transfer == UNSPECIFIED:
        return BT709
    matrix = luma_matrix(colour.primaries)
    return replace(BT709, primaries=colour.primaries, transfer=colour.transfer, matrix=matrix)


def luma_matrix(primaries: int) -> int:
    """The code of the matrix that RGB of these primaries is coded by."""
    return MATRICES["bt2020nc"] if primaries == PRIMARIES["bt2020"] else MATRICES["bt709"]


def without_rgb_matrix(colour: Colour) -> Colour:
    """The same colour, its matrix unspecified if it is "gbr": a wrong tag of planes of luma and chroma."""
    return replace(colour, matrix=UNSPECIFIED) if colour.matrix == RGB else colour


def name_of(table: dict[str, int], code: int) -> str:
    """ffmpeg's name of a code, or the code itself."""
    return next((name for name, value in table.items() if value == code), str(code))
