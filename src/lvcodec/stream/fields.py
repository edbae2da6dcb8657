"""Every field of a stream: name, width, range, meaning. Numbers are for ever: never change or reuse one.

docs/bitstream.md prints these tables (a test compares), layout.py writes and reads by them.
"""

from __future__ import annotations

from fractions import Fraction

from lvcodec.sizes import padded
from lvcodec.stream.layout import Condition, Count, Field
from lvcodec.stream.structure import MAX_LAYER, Shift

MAGIC = b"LVC1"
VERSION = 2
SYNTAX = 6
MAX_SIDE = 16384
MAX_PICTURES = (1 << 28) - 1
MAX_GOP = 65535
MAX_QUALITY = 200  # an index; weights may have fewer
MAX_RATIO = (1 << 32) - 1  # of either part of a ratio in side data

FAMILIES = {1: "swift", 2: "cheng2020"}
MODES = {0: "intra", 1: "mfvc", 2: "lds", 3: "aligned"}

# The letters I, G, S, C and E; a small letter where qualities follow.
KIND_I, KIND_G, KIND_SIDE, KIND_CONTENTS, KIND_END = 0x49, 0x47, 0x53, 0x43, 0x45
QUALITIES_FOLLOW = 0x20
KINDS = {
    KIND_I: "an I-picture",
    KIND_I + QUALITIES_FOLLOW: "the same with its quality",
    KIND_G: "a group of P- and B-pictures",
    KIND_G + QUALITIES_FOLLOW: "the same with its qualities",
}
# Of a group's structure: the pictures less one in bits 2 to 6, and the others, which together tell whether it is a
# pyramid, whether it has a key picture, and its shift.
PICTURES_SHIFT, SHAPE = 2, 131
SHAPES = {
    0: (False, False, Shift()),
    1: (False, True, Shift()),
    2: (True, False, Shift()),
    3: (True, True, Shift()),
    128: (False, False, Shift(Fraction(1, 2))),
    129: (False, False, Shift(Fraction(1, 2), kept=True)),
    130: (False, False, Shift(Fraction(0))),
    131: (False, False, Shift(Fraction(1), kept=True)),
}

BASE_BYTES, BYTES_A_PIXEL = 64, 12


def payload_limit(width: int, height: int) -> int:
    """The most bytes that a picture's payload may have: 64, and 12 a pixel, sides rounded up to 64.

    Eight times what the samples take as they are: an encoder whose symbols need more has to choose others.
    """
    return BASE_BYTES + BYTES_A_PIXEL * padded(width) * padded(height)


HEADER = (
    Field("magic", "bytes", "an lvcodec stream", size=4, equals=MAGIC, framing=True),
    Field(
        "version",
        "u8",
        "of the container, which is this page",
        one_of={VERSION: "this layout"},
        newer=True,
        framing=True,
    ),
    Field(
        "syntax",
        "u8",
        "version of what payloads hold and how pictures are made of it",
        one_of={SYNTAX: "this syntax"},
        newer=True,
    ),
    Field("family", "u8", "whose networks", one_of=FAMILIES, newer=True),
    Field("mode", "u8", "how pictures are predicted", one_of=MODES, newer=True),
    Field("weights_id", "bytes", "first 8 bytes of the SHA-256 of the weights' integers", size=8),
    Field("width", "u16", "of Y in samples; half of it, rounded up, of U and V", at_least=1, at_most=MAX_SIDE),
    Field("height", "u16", "of Y in samples; half of it, rounded up, of U and V", at_least=1, at_most=MAX_SIDE),
    Field("rate_num", "u32", "pictures a second, numerator", at_least=1),
    Field("rate_den", "u32", "pictures a second, denominator", at_least=1),
    Field("primaries", "u8", "colour primaries, a code of ITU-T H.273; 2 unspecified"),
    Field("transfer", "u8", "transfer characteristics, a code of H.273; 2 unspecified"),
    Field("matrix", "u8", "matrix coefficients, a code of H.273; 2 unspecified"),
    Field("full_range", "u8", "range of the samples", one_of={0: "limited", 1: "full"}, newer=True),
    Field(
        "chroma_location",
        "u8",
        "0 unspecified, else H.273's chroma sample location type + 1",
        at_most=6,
        newer=True,
    ),
    Field("gop", "u16", "most pictures from an I-picture up to the next one", at_least=1, at_most=MAX_GOP),
    Field("quality", "u8", "quality index q of I-pictures, for a quality of 1 + q/20", at_most=MAX_QUALITY),
    Field("layers", "bytes", "how many indices pictures of layer 1, 2, … 7 are below their I-picture", size=MAX_LAYER),
    Field(
        "flags",
        "u8",
        "for what is to come: bits 0 to 3 have to be known, bits 4 to 7 may be passed over",
        one_of={0: "none"},
        ignored=0xF0,
        newer=True,
    ),
    Field("crc", "crc", "CRC-32 of the header before it"),
)


def pictures_in(structure: int) -> int:
    """How many pictures a group of this structure has."""
    return ((structure & ~SHAPE) >> PICTURES_SHIFT) + 1


def is_intra(kind: int) -> bool:
    """Whether a record's kind is an I-picture's."""
    return kind & ~QUALITIES_FOLLOW == KIND_I


_INTRA = Condition("for an I-picture", lambda values: is_intra(values["kind"]))
_PREDICTED = Condition("for a group", lambda values: not is_intra(values["kind"]))
_QUALITIES = Condition("where kind says so", lambda values: bool(values["kind"] & QUALITIES_FOLLOW))
_EACH = Count("n", lambda values: 1 if is_intra(values["kind"]) else pictures_in(values["structure"]))

GROUP = (
    Field("kind", "u8", "the letters I, i, G, g", one_of=KINDS, framing=True),
    Field("number", "varint", "of the picture in the stream, from 0", at_most=MAX_PICTURES - 1, when=_INTRA),
    Field(
        "structure",
        "u8",
        'bits 2 to 6: pictures − 1; bits 7, 1 and 0: chain or pyramid, key picture, shift, as "Structure" lists them',
        when=_PREDICTED,
        framing=True,
    ),
    Field("qualities", "u8", "quality indices", at_most=MAX_QUALITY, count=_EACH, when=_QUALITIES),
    Field(
        "lengths",
        "varint",
        "bytes of each payload; at most the limit for the picture's size",
        at_most=payload_limit(MAX_SIDE, MAX_SIDE),
        count=_EACH,
        framing=True,
    ),
    Field("checksums", "u16", "of the decoded planes of each picture", count=_EACH),
    Field("payloads", "bytes", "the symbols of each picture, entropy-coded", size="lengths"),
    Field("crc", "crc", "CRC-32 of the record before it"),
)

MIN_RECORD_BYTES = 9  # of one picture without payload
MIN_PICTURE_BYTES = 3  # in a record of many: a length and a checksum

SIDE_TRACKS, SIDE_LIST, SIDE_PRESENTATION = 1, 2, 3
MAX_SIDE_PART = 1 << 20  # bytes: what a reader holds of it at once

SIDE = (
    Field("kind", "u8", "the letter S", one_of={KIND_SIDE: "side data"}, framing=True),
    Field("what", "u8", "1 tracks, 2 their list, 3 presentation; all else is passed over"),
    Field("size", "varint", "bytes of data", at_most=MAX_SIDE_PART, framing=True),
    Field("data", "bytes", "a part of it", size="size"),
    Field("crc", "crc", "CRC-32 of the record before it"),
)
CONTENTS = (
    Field("kind", "u8", "the letter C", one_of={KIND_CONTENTS: "contents of the side data"}, framing=True),
    Field("bytes", "varint", "of the side records before it, together", framing=True),
    Field("entries", "u8", "how many kinds of side data there are", framing=True),
)
CONTENTS_ENTRY = (
    Field("what", "u8", "as in the side records"),
    Field("size", "varint", "bytes of the data of its parts, joined in their order"),
    Field("checksum", "u32", "CRC-32 of the same"),
)
CONTENTS_TAIL = (
    Field("length", "u32", "bytes of this record, from kind to crc"),
    Field("crc", "crc", "CRC-32 of the record before it"),
)

PRESENTATION = (
    Field("aspect_num", "varint", "width of a sample …", at_least=1, at_most=MAX_RATIO, framing=True),
    Field("aspect_den", "varint", "… over its height", at_least=1, at_most=MAX_RATIO, framing=True),
    Field("tick_num", "varint", "seconds of a tick, numerator", at_least=1, at_most=MAX_RATIO, framing=True),
    Field("tick_den", "varint", "seconds of a tick, denominator", at_least=1, at_most=MAX_RATIO, framing=True),
    Field("start", "varint", "when picture 0 is shown, in ticks of the tracks' clock; 2^31 s at most", framing=True),
)

END = (
    Field("kind", "u8", "the letter E", one_of={KIND_END: "end"}, framing=True),
    Field("pictures", "varint", "how many the stream has", at_most=MAX_PICTURES, framing=True),
    Field(
        "gops", "varint", "how many of them are I-pictures: entries of the index", at_most=MAX_PICTURES, framing=True
    ),
)
INDEX_ENTRY = (
    Field(
        "size",
        "varint",
        "bytes from the I-picture's record up to the next one's, or to the end record",
        at_least=MIN_RECORD_BYTES,
        framing=True,
    ),
    Field("pictures", "varint", "how many they hold", at_least=1, at_most=MAX_GOP, framing=True),
)
END_TAIL = (
    Field("length", "u32", "bytes of the end record, from kind to crc"),
    Field("crc", "crc", "CRC-32 of the end record before it"),
)

# What docs/bitstream.md prints, by its headings; a test holds the page against these.
TABLES = {
    "Header": HEADER,
    "Group": GROUP,
    "Side data": SIDE,
    "Side data: contents": CONTENTS,
    "Side data: contents entry": CONTENTS_ENTRY,
    "Side data: contents tail": CONTENTS_TAIL,
    "Side data: presentation": PRESENTATION,
    "End": END,
    "End: index entry": INDEX_ENTRY,
    "End: tail": END_TAIL,
}
