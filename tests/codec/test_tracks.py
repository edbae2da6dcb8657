"""Files as people have them, with sound, subtitles, chapters and uneven times, through encode and decode."""

from __future__ import annotations

import io
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from video.clips import ffmpeg

import lvcodec
from lvcodec.errors import InputError
from lvcodec.stream import fields
from lvcodec.stream.concat import copied_pictures
from lvcodec.stream.container import StreamReader, StreamWriter
from lvcodec.video import side_file
from lvcodec.video.ffmpeg import ffmpeg_exe
from lvcodec.video.source import open_source
from lvcodec.video.stated import stated_duration_s
from lvcodec.video.track_text import tracks_in

AUDIO_FRAME_S = 1024 / 44100
CHAPTERS = """;FFMETADATA1
title=My clip
[CHAPTER]
TIMEBASE=1/1000
START=0
END=500
title=One
[CHAPTER]
TIMEBASE=1/1000
START=500
END=1000
title=Two
"""
ENGLISH = "1\n00:00:00,100 --> 00:00:00,600\nHello <i>there</i>\n\n2\n00:00:00,700 --> 00:00:00,900\nAgain\n\n"
FRENCH = "1\n00:00:00,200 --> 00:00:00,500\nBonjour\n\n"
UNEVEN = "select='not(eq(mod(n,7),3))*not(between(n,12,16))'"  # of 30 a second
NUMBERS = [n for n in range(30) if n % 7 != 3 and not 12 <= n <= 16]


@dataclass
class Seen:
    """What ffmpeg sees in a file: its own words, tracks, and of a stream's packets their times (s), sizes and CRCs."""

    path: Path
    text: str

    @classmethod
    def of(cls, path: Path) -> Seen:
        done = subprocess.run([ffmpeg_exe(), "-hide_banner", "-i", path], capture_output=True, check=False)
        return cls(path, done.stderr.decode())

    @property
    def tracks(self) -> list[tuple[str, str]]:
        """Kind and language of each."""
        return [(track.kind, track.text.partition(":")[0][-5:]) for track in tracks_in(self.text)]

    @property
    def chapters(self) -> list[tuple[float, float]]:
        found = re.findall(r"Chapter #0:\d+: start ([\d.]+), end ([\d.]+)", self.text)
        return [(float(start), float(end)) for start, end in found]

    def packets(self, stream: str) -> list[tuple[float, float, str]]:
        """When each packet is shown, for how long, and what is in it."""
        lines = ffmpeg("-copyts", "-i", self.path, "-map", f"0:{stream}", "-c", "copy", "-f", "framecrc", "-").decode()
        tick = next(line.split()[-1] for line in lines.splitlines() if line.startswith("#tb"))
        up, down = map(int, tick.split("/"))
        rows = [line.split(",") for line in lines.splitlines() if not line.startswith("#")]
        return [(int(r[2]) * up / down, int(r[3]) * up / down, f"{r[4]}{r[5]}") for r in rows]

    def times(self) -> list[float]:
        """When pictures are shown."""
        return sorted(at for at, _, _ in self.packets("V"))

    def end_s(self, stream: str) -> float:
        """When the last packet ends; of pictures in MP4, whose packets tell of decoding, what the index says."""
        if stream == "V" and self.path.suffix == ".mp4":
            with open(self.path, "rb") as file:
                return float(stated_duration_s(file, 0) or 0)
        return max(at + duration for at, duration, _ in self.packets(stream))

    def sound(self) -> bytes:
        """All samples, decoded."""
        return ffmpeg("-i", self.path, "-map", "0:a", "-f", "s16le", "-")

    def subtitles(self, number: int) -> str:
        return ffmpeg("-i", self.path, "-map", f"0:s:{number}", "-f", "srt", "-").decode()


def made(folder: Path, name: str, *more: str, turned: bool = False) -> Path:
    """A second of pictures at uneven times, of sound, of subtitles in two languages, with two chapters."""
    for file, text in {"en.srt": ENGLISH, "fr.srt": FRENCH, "chapters.txt": CHAPTERS}.items():
        (folder / file).write_text(text)
    inputs = ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=30:duration=1"]
    inputs += ["-f", "lavfi", "-i", "aevalsrc='sin(2000*t)|sin(3000*t*t)':s=44100:d=1"]
    inputs += ["-i", folder / "en.srt", "-i", folder / "fr.srt", "-i", folder / "chapters.txt"]
    kinds = ["-c:v", "libx264", "-bf", "2", "-c:a", "aac"]
    languages = [
        "-metadata:s:a:0",
        "language=eng",
        "-metadata:s:s:0",
        "language=eng",
        "-metadata:s:s:1",
        "language=fra",
    ]
    maps = ["-map", "0:v", "-map", "1:a", "-map", "2", "-map", "3", "-map_metadata", "4", "-map_chapters", "4"]
    target = folder / name
    plain = folder / f"plain-{name}" if turned else target
    ffmpeg(*inputs, *maps, *kinds, *languages, "-vf", f"{UNEVEN},setsar=4/3", "-fps_mode", "vfr", *more, plain)
    if turned:
        ffmpeg("-display_rotation", "90", "-i", plain, "-map", "0", "-c", "copy", target)
    return target


@pytest.fixture(scope="module")
def phone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As a phone makes it: MP4, turned, variable rate, AAC, subtitles, chapters."""
    return made(tmp_path_factory.mktemp("phone"), "phone.mp4", "-c:s", "mov_text", turned=True)


@pytest.fixture(scope="module")
def coded(phone: Path) -> Path:
    """With the shipped weights, so that one sees what is in the pictures."""
    lvcodec.encode(phone, target := phone.with_suffix(".lvc"), quality=3, jobs=1)
    return target


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_a_phones_film_comes_back(phone: Path, coded: Path, tmp_path: Path, suffix: str) -> None:
    lvcodec.decode(coded, tmp_path / f"back{suffix}")
    before, after = Seen.of(phone), Seen.of(tmp_path / f"back{suffix}")
    assert after.tracks == before.tracks == [("audio", "(eng)"), ("subtitle", "(eng)"), ("subtitle", "(fra)")]
    assert after.chapters == before.chapters == [(0, 0.5), (0.5, 1)]
    assert "My clip" in after.text
    assert [what for _, _, what in after.packets("a")] == [what for _, _, what in before.packets("a")]
    assert after.sound() == before.sound() and len(after.sound()) > 4 * 44000
    assert [after.subtitles(n) for n in (0, 1)] == [before.subtitles(n) for n in (0, 1)] == [ENGLISH, FRENCH]
    for stream in ("V", "a"):
        assert abs(after.end_s(stream) - before.end_s(stream)) < AUDIO_FRAME_S
    assert np.allclose(after.times(), [n / 30 for n in NUMBERS], atol=0.0011)
    assert np.allclose(after.times(), before.times(), atol=0.0011)
    assert "48x64 [SAR 3:4" in after.text.replace(", SAR", " [SAR") and "rotation" not in after.text
    with open_source(phone) as one, open_source(after.path) as other:
        for ours, theirs in zip(one, other, strict=True):
            error = np.square(ours.y.astype(float) - theirs.y).mean()
            assert error < 0.2 * ours.y.var(), "the picture is not upright"


def test_it_is_listed(coded: Path) -> None:
    info = lvcodec.probe(coded)
    assert info.tracks == (
        "audio (eng): aac (LC), 44100 Hz, stereo, fltp, " + str(info.tracks and info.tracks[0]).rpartition(", ")[2],
        "subtitle (eng): mov_text",
        "subtitle (fra): mov_text",
        "2 chapters",
    )
    assert info.variable and info.aspect * 4 == 3 and abs(info.duration_s - 1) < 0.04
    assert 0 < info.side_bytes < info.size_bytes and info.kbps < 8 * (info.size_bytes - info.side_bytes) / 900
    through_pipe = lvcodec.probe(NoSeek(coded.read_bytes()))  # type: ignore[arg-type]
    assert through_pipe.tracks is None and through_pipe.side_bytes == info.side_bytes


class NoSeek(io.BytesIO):
    def seekable(self) -> bool:
        return False


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_a_part_has_its_part_of_the_sound(coded: Path, tmp_path: Path, suffix: str) -> None:
    """Pictures 5 to 14, which are 6/30 to 21/30 of a second."""
    lvcodec.decode(coded, tmp_path / f"part{suffix}", frames=(5, 15))
    after = Seen.of(tmp_path / f"part{suffix}")
    first, end = NUMBERS[5] / 30, NUMBERS[15] / 30
    assert np.allclose(after.times(), [n / 30 - first for n in NUMBERS[5:15]], atol=0.0011)
    assert 0 <= after.packets("a")[0][0] < AUDIO_FRAME_S
    assert abs(after.end_s("a") - (end - first)) < 2 * AUDIO_FRAME_S
    whole = ffmpeg("-i", coded.with_suffix(".mp4"), "-map", "0:a", "-c", "copy", "-f", "adts", "-")
    assert ffmpeg("-i", after.path, "-map", "0:a", "-c", "copy", "-f", "adts", "-") in whole
    assert [round(start, 2) for start, _ in after.chapters] == [0, round(0.5 - first, 2)]
    assert "Hello" in after.subtitles(0) and "00:00:00,000 -->" in after.subtitles(0)


def test_a_part_is_coded_with_its_part_of_the_sound(
    phone: Path, coded: Path, tmp_path: Path, random_model: str
) -> None:
    stream = tmp_path / "part.lvc"
    lvcodec.encode(phone, stream, model=random_model, frames=(5, 15), jobs=1)
    assert lvcodec.probe(stream).side_bytes < 0.8 * lvcodec.probe(coded).side_bytes
    lvcodec.decode(stream, tmp_path / "part.mp4")
    lvcodec.decode(coded, tmp_path / "cut.mp4", frames=(5, 15))
    ours, theirs = Seen.of(tmp_path / "part.mp4"), Seen.of(tmp_path / "cut.mp4")
    assert ours.times() == theirs.times() and ours.tracks == theirs.tracks
    assert [row[::2] for row in ours.packets("a")] == [row[::2] for row in theirs.packets("a")]


def test_what_is_not_wanted_is_left_out(phone: Path, coded: Path, tmp_path: Path, random_model: str) -> None:
    for options, kinds in (({"audio": False}, ["subtitle"] * 2), ({"video_only": True}, [])):
        lvcodec.decode(coded, tmp_path / "less.mkv", overwrite=True, **options)
        assert [kind for kind, _ in Seen.of(tmp_path / "less.mkv").tracks] == kinds
        lvcodec.encode(phone, tmp_path / "less.lvc", model=random_model, overwrite=True, jobs=1, **options)
        tracks = lvcodec.probe(tmp_path / "less.lvc").tracks or ()
        assert [line.split()[0] for line in tracks if "chapter" not in line] == kinds
    assert lvcodec.probe(tmp_path / "less.lvc").variable


def test_what_a_file_cannot_hold_is_said(coded: Path, tmp_path: Path) -> None:
    notices = " ".join(lvcodec.decode(coded, tmp_path / "back.y4m").notices)
    assert "left out, as .y4m holds pictures alone: audio (eng): aac" in notices and "constant rate" in notices
    notices = " ".join(lvcodec.decode(coded, tmp_path / "back.webm").notices)
    assert "left out, as .webm cannot hold it: audio (eng): aac" in notices and "mov_text becomes webvtt" in notices
    assert [kind for kind, _ in Seen.of(tmp_path / "back.webm").tracks] == ["subtitle"] * 2
    report = lvcodec.decode(NoSeek(coded.read_bytes()), tmp_path / "back.mkv")  # type: ignore[arg-type]
    assert "which stand at the end of a stream that came through a pipe" in " ".join(report.notices)
    assert Seen.of(tmp_path / "back.mkv").tracks == []


def test_into_a_pipe(coded: Path, tmp_path: Path) -> None:
    with open(tmp_path / "out", "wb") as file:
        lvcodec.decode(coded, file, format="mkv")
    after = Seen.of(tmp_path / "out")
    assert len(after.tracks) == 3 and after.sound() == Seen.of(coded.with_suffix(".mp4")).sound()


def test_damage_is_told_and_costs_no_picture(coded: Path, tmp_path: Path) -> None:
    data = bytearray(coded.read_bytes())
    data[-5000] ^= 1  # tracks come last
    (tmp_path / "damaged.lvc").write_bytes(data)
    report = lvcodec.decode(tmp_path / "damaged.lvc", tmp_path / "back.mkv")
    assert "sound and other tracks are damaged, and left out: the CRC does not match" in report.notices
    after = Seen.of(tmp_path / "back.mkv")
    assert report.pictures == len(NUMBERS) and after.tracks == []
    assert np.allclose(after.times(), [n / 30 for n in NUMBERS], atol=0.0011)  # another record tells them


# Files that name the clip with sound: ffmpeg would read that, if it took them for what they are.
DASH = """<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S"
 profiles="urn:mpeg:dash:profile:isoff-on-demand:2011" minBufferTime="PT1S"><Period>
<AdaptationSet contentType="audio" mimeType="audio/mp4" segmentAlignment="true">
<Representation id="0" bandwidth="64000" codecs="mp4a.40.2" audioSamplingRate="44100"><BaseURL>{}</BaseURL>
</Representation></AdaptationSet></Period></MPD>"""
HLS = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.0,\n{}\n#EXT-X-ENDLIST\n"
CONCAT = "ffconcat version 1.0\nfile '{}'\n"


@pytest.mark.parametrize(
    ("tracks", "problem"),
    [
        ("<?xml version='1.0'?>" + DASH, "no Matroska, MP4 or QuickTime file"),
        (HLS, "no Matroska, MP4 or QuickTime file"),
        (CONCAT, "no Matroska, MP4 or QuickTime file"),
        ("", "no Matroska, MP4 or QuickTime file"),
        ("    ftyp" + DASH, "ffmpeg finds nothing in them"),
        ("    moov", "ffmpeg finds nothing in them"),
    ],
)
def test_tracks_that_are_none_are_left_out(coded: Path, tmp_path: Path, tracks: str, problem: str) -> None:
    """They cost no picture, and nothing in them makes ffmpeg open another file."""
    forged = tmp_path / "forged.lvc"
    with open(coded, "rb") as source, open(forged, "wb") as file:
        reader = StreamReader(source)
        writer = StreamWriter(file, reader.header)
        pictures = len(list(copied_pictures(reader, writer, "it")))
        writer.side(fields.SIDE_TRACKS, [tracks.format(coded.with_suffix(".mp4")).encode()])
        writer.side(fields.SIDE_LIST, [b"audio: aac"])
        writer.finish()
    report = lvcodec.decode(forged, tmp_path / "back.mkv")
    assert report.pictures == pictures and Seen.of(tmp_path / "back.mkv").tracks == []
    [notice] = [text for text in report.notices if "sound and other tracks are damaged, and left out: " in text]
    assert problem in notice


@pytest.mark.parametrize("late", ["0:v", "1:a"])
@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_who_begins_later_still_does(tmp_path: Path, random_model: str, late: str, suffix: str) -> None:
    delayed = ["-itsoffset", "0.4"]
    inputs = ["-f", "lavfi", "-i", "testsrc2=size=32x32:rate=25:duration=0.4"]
    sound = ["-f", "lavfi", "-i", "sine=duration=0.8:sample_rate=44100"]
    inputs = [*delayed, *inputs, *sound] if late == "0:v" else [*inputs, *delayed, *sound]
    ffmpeg(*inputs, "-c:v", "libx264", "-c:a", "aac", tmp_path / f"in{suffix}")
    lvcodec.encode(tmp_path / f"in{suffix}", tmp_path / "a.lvc", model=random_model, jobs=1)
    lvcodec.decode(tmp_path / "a.lvc", tmp_path / f"out{suffix}")
    before, after = Seen.of(tmp_path / f"in{suffix}"), Seen.of(tmp_path / f"out{suffix}")

    def gap_s(seen: Seen) -> float:
        return seen.end_s("a") - seen.times()[0]

    assert abs(gap_s(before) - (0.4 if late == "0:v" else 1.2)) < 2 * AUDIO_FRAME_S
    assert abs(gap_s(after) - gap_s(before)) < AUDIO_FRAME_S


def test_attachments_and_styled_subtitles(tmp_path: Path, random_model: str) -> None:
    (tmp_path / "font.ttf").write_bytes(b"no font")
    font = ["-attach", str(tmp_path / "font.ttf"), "-metadata:s:t", "mimetype=application/x-truetype-font"]
    source = made(tmp_path, "film.mkv", "-c:s", "ass", *font)
    lvcodec.encode(source, tmp_path / "a.lvc", model=random_model, jobs=1)
    kinds = ["audio", "subtitle", "subtitle", "attachment"]
    for suffix, expected in ((".mkv", kinds), (".mp4", kinds[:3]), (".ts", kinds[:1])):
        report = lvcodec.decode(tmp_path / "a.lvc", tmp_path / f"back{suffix}")
        assert [kind for kind, _ in Seen.of(tmp_path / f"back{suffix}").tracks] == expected
        notices = " ".join(report.notices)
        assert ("cannot hold it" in notices) == (suffix != ".mkv")
        assert ("becomes mov_text" in notices) == (suffix == ".mp4")
    assert Seen.of(tmp_path / "back.mkv").sound() == Seen.of(source).sound()
    assert "Hello" in Seen.of(tmp_path / "back.mp4").subtitles(0)


def test_a_stream_without_tracks_is_what_it_was(tmp_path: Path, phone: Path, random_model: str) -> None:
    """Constant rate and square samples: nothing stands beside the pictures."""
    ffmpeg("-i", phone, "-an", "-sn", "-vf", "fps=10,setsar=1", "-map_chapters", "-1", tmp_path / "plain.mp4")
    lvcodec.encode(tmp_path / "plain.mp4", tmp_path / "plain.lvc", model=random_model, jobs=1)
    data = (tmp_path / "plain.lvc").read_bytes()
    assert StreamReader(io.BytesIO(data)).side() is None and lvcodec.probe(io.BytesIO(data)).side_bytes == 0


def test_chapters_alone(tmp_path: Path, phone: Path, random_model: str) -> None:
    ffmpeg("-i", phone, "-an", "-sn", tmp_path / "in.mp4")
    lvcodec.encode(tmp_path / "in.mp4", tmp_path / "a.lvc", model=random_model, jobs=1)
    assert lvcodec.probe(tmp_path / "a.lvc").tracks == ("2 chapters",)
    lvcodec.decode(tmp_path / "a.lvc", tmp_path / "out.mp4")
    after = Seen.of(tmp_path / "out.mp4")
    assert after.chapters == [(0, 0.5), (0.5, 1)] and after.tracks == [] and "My clip" in after.text


def test_tracks_that_cannot_be_copied_are_named(
    tmp_path: Path, phone: Path, random_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no room for the side file, the pictures are coded all the same."""
    monkeypatch.setattr(side_file, "_AS_IN_MP4", ("mp4", "no such container"))
    monkeypatch.setattr(side_file, "EXACT", ("-no_such_option",))
    report = lvcodec.encode(phone, tmp_path / "a.lvc", model=random_model, jobs=1, frames=(0, 2))
    assert any(text.startswith("not kept: 1 audio stream, 2 subtitle streams (") for text in report.notices)
    assert lvcodec.probe(tmp_path / "a.lvc").tracks == ()


def test_the_same_file_gives_the_same_bytes(tmp_path: Path, phone: Path, random_model: str) -> None:
    for name in ("a.lvc", "b.lvc"):
        lvcodec.encode(phone, tmp_path / name, model=random_model, jobs=1, frames=(0, 4))
    assert (tmp_path / "a.lvc").read_bytes() == (tmp_path / "b.lvc").read_bytes()


def test_streams_with_tracks_are_not_joined(coded: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="phone.lvc: it has sound or other tracks"):
        lvcodec.concat([coded, coded], tmp_path / "both.lvc")
    assert not (tmp_path / "both.lvc").exists()
    info = lvcodec.concat([coded, coded], tmp_path / "both.lvc", video_only=True)
    assert info.variable and abs(info.duration_s - 2 * lvcodec.probe(coded).duration_s) < 1e-9
