"""Streams joined: the pictures of all, the quality of each, and what does not fit."""

from __future__ import annotations

import dataclasses
import io
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import lvcodec
from lvcodec.errors import InputError, StreamError, TruncatedStreamError, UsageError
from lvcodec.stream.concat import concat, concat_streams
from lvcodec.stream.container import StreamReader
from lvcodec.stream.header import Header
from lvcodec.stream.records import PictureRecord
from lvcodec.video.colour import Colour
from lvcodec.video.format import VideoFormat

Make = Callable[..., tuple[bytes, list[PictureRecord]]]


def essence(record: PictureRecord) -> tuple[str, int, bytes, int]:
    return record.kind, record.quality_index, record.payload, record.checksum


def test_pictures_of_all_in_order(make: Make, header: Header, pipe: Any) -> None:
    first, pictures = make("I PP I P", qualities=[None, 61, 62, None, None])
    second, more = make("I P I PP", head=dataclasses.replace(header, quality_index=20, layers=(7,) * 7))
    out = io.BytesIO()
    info = concat_streams([io.BytesIO(first), pipe(second), io.BytesIO(make("")[0])], out)
    assert info == lvcodec.probe(io.BytesIO(out.getvalue()))
    reader = StreamReader(io.BytesIO(out.getvalue()))
    assert reader.header == header
    assert [place.number for place in reader.index() or ()] == [0, 3, 5, 7]
    joined = list(reader)
    assert [essence(record) for record in joined] == [essence(record) for record in pictures + more]
    assert [record.number for record in joined] == list(range(10))
    reader.seek(8)
    assert [record.quality_index for record in reader] == [20, 13, 13]
    assert [record.offset for record in joined[1:3]] == [joined[1].offset] * 2


def test_one_stream_stays_as_it_is(make: Make, header: Header) -> None:
    head = dataclasses.replace(header, gop=9)
    data, _ = make("I P kP I PP B2", qualities=[10, None, 11, None, 60, 70, None, None], head=head)
    out = io.BytesIO()
    concat_streams([io.BytesIO(data)], out)
    assert out.getvalue() == data


def test_parts_of_a_stream_make_the_same_stream(make: Make) -> None:
    whole, _ = make("I P PP I P PP", [bytes(5)] * 8)
    part, _ = make("I P PP", [bytes(5)] * 4)
    out = io.BytesIO()
    concat_streams([io.BytesIO(part), io.BytesIO(part)], out)
    records = [list(StreamReader(io.BytesIO(data))) for data in (whole, out.getvalue())]
    assert [record.size_bytes for record in records[0]] == [record.size_bytes for record in records[1]]
    assert len(out.getvalue()) == len(whole)


OTHER: dict[str, tuple[dict[str, Any], str]] = {
    "family": ({"family": "cheng2020"}, "family is 2 .cheng2020., not 1 .swift."),
    "mode": ({"mode": "mfvc"}, "mode is 1 .mfvc., not 3 .aligned."),
    "weights": ({"weights_id": bytes(8)}, "weights_id is 0000000000000000, not 0001020304050607"),
    "width": ({"video": VideoFormat(8, 5, Fraction(30000, 1001))}, "width is 8, not 6"),
    "height": ({"video": VideoFormat(6, 4, Fraction(30000, 1001))}, "height is 4, not 5"),
    "rate": ({"video": VideoFormat(6, 5, Fraction(25))}, "rate_num is 25, not 30000"),
    "colour": ({"video": VideoFormat(6, 5, Fraction(30000, 1001), Colour(1, 13, 1))}, "matrix is 1, not 5"),
    "gop": ({"gop": 5}, "gop is 5, not 4"),
}


@pytest.mark.parametrize("name", OTHER)
def test_streams_that_do_not_fit(make: Make, header: Header, name: str) -> None:
    changes, message = OTHER[name]
    other, _ = make("I P", head=dataclasses.replace(header, **changes))
    same, _ = make("I P")
    out = io.BytesIO()
    with pytest.raises(InputError, match=f"^stream 3 does not fit stream 1: {message}"):
        concat_streams([io.BytesIO(data) for data in (same, same, other)], out)
    assert out.getvalue() == b""


def test_cut_stream_is_not_joined(make: Make) -> None:
    data, _ = make()
    with pytest.raises(TruncatedStreamError):
        concat_streams([io.BytesIO(data), io.BytesIO(data[:-1])], io.BytesIO())


def test_nothing_to_join() -> None:
    with pytest.raises(InputError, match="no streams to join"):
        concat_streams([], io.BytesIO())


def test_files_are_joined_into_a_file(make: Make, tmp_path: Path) -> None:
    (tmp_path / "part.lvc").write_bytes(make("I PP")[0])
    whole = tmp_path / "whole.lvc"
    info = concat([tmp_path / "part.lvc", str(tmp_path / "part.lvc"), io.BytesIO(make("I")[0])], whole)
    assert info == lvcodec.probe(whole) and info.complete
    assert [picture.kind for picture in info.pictures] == list("IPPIPPI")
    with pytest.raises(InputError, match="exists"):
        concat([tmp_path / "part.lvc"], whole)
    assert concat([tmp_path / "part.lvc"], whole, overwrite=True) == lvcodec.probe(whole)


def test_what_cannot_be_joined_leaves_no_file(make: Make, tmp_path: Path) -> None:
    data, _ = make()
    for sources, error in (([data, data[:-1]], TruncatedStreamError), ([], InputError)):
        with pytest.raises(error):
            concat([io.BytesIO(source) for source in sources], tmp_path / "out.lvc")
    with pytest.raises(InputError, match="cannot read .*gone.lvc: no such file"):
        concat([tmp_path / "gone.lvc"], tmp_path / "out.lvc")
    assert list(tmp_path.iterdir()) == []


def test_errors_name_the_stream(make: Make, header: Header, tmp_path: Path) -> None:
    """Its path, or which of them it is; damage keeps its place and its class."""
    data, _ = make("I P P")
    other, _ = make("I P", head=dataclasses.replace(header, gop=5))
    good, bad = tmp_path / "good.lvc", tmp_path / "bad.lvc"
    good.write_bytes(data)
    damaged = bytearray(data)
    damaged[-30] ^= 0xFF
    out = tmp_path / "out.lvc"
    for content, error, message in (
        (data[:-1], TruncatedStreamError, "the stream is cut at byte"),
        (data[:20], TruncatedStreamError, "the stream ends inside its header"),
        (b"", TruncatedStreamError, "the stream is empty"),
        (bytes(damaged), StreamError, "the stream is damaged at picture"),
        (b"no stream", InputError, "not an lvcodec stream"),
        (other, InputError, f"does not fit {good}: gop is 5, not 4"),
    ):
        bad.write_bytes(content)
        with pytest.raises(error) as caught:
            concat([good, bad, good], out)
        assert str(caught.value).startswith(str(bad)) and message in str(caught.value)
        assert caught.value.args == (caught.value.message,)
        if isinstance(caught.value, StreamError):
            assert caught.value.offset is not None
        with pytest.raises(error, match="^stream 2"):
            concat([good, io.BytesIO(content), good], out)
        assert not out.exists()


def test_a_target_that_refuses_is_not_laid_upon_a_source(make: Make, tmp_path: Path) -> None:
    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(InputError, match="^cannot write the stream: no space left"):
        concat([io.BytesIO(make()[0])], Full())


def test_file_objects_and_standard_output_are_targets(
    make: Make, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    data = make("I PP")[0]
    concat([io.BytesIO(data), io.BytesIO(data)], tmp_path / "both.lvc")
    out = io.BytesIO()
    concat([io.BytesIO(data), io.BytesIO(data)], out)
    assert out.getvalue() == (tmp_path / "both.lvc").read_bytes()
    concat([io.BytesIO(data), io.BytesIO(data)], "-")
    sys.stdout.flush()
    assert capfdbinary.readouterr().out == out.getvalue()


@pytest.mark.parametrize("sources", ["a.lvc", b"a.lvc", Path("a.lvc"), io.BytesIO(), None, iter(())])
def test_sources_are_a_list(sources: Any) -> None:
    with pytest.raises(UsageError, match="sources is a .*; give a list of streams"):
        concat(sources, io.BytesIO())
