"""lvcodec as a plugin of imageio (v3), registered when this module is imported.

    import imageio.v3 as iio
    import lvcodec.imageio
    pictures = iio.imread("clip.lvc")

imageio finds plugins in its own table alone, no package can announce one to it, so somebody has to import this. Without
that, `plugin=lvcodec.imageio.LvcodecPlugin` does the same for one call.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from types import EllipsisType, TracebackType
from typing import Any

import numpy as np
from imageio.config import FileExtension, known_extensions, known_plugins
from imageio.config.plugins import PluginConfig
from imageio.core.request import InitializationError, IOMode, Request
from imageio.core.v3_plugin_api import ImageProperties, PluginV3
from numpy.typing import NDArray

import lvcodec
from lvcodec.errors import NoSuchPictureError, UsageError, count_text
from lvcodec.stream.fields import MAGIC

NAME, SUFFIX = "lvcodec", ".lvc"


class LvcodecPlugin(PluginV3):
    """Streams read and written through imageio, which makes it for an open file.

    Whatever lvcodec raises comes through: InputError is a ValueError, as imageio wants it for an index.
    """

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._encoder: lvcodec.Encoder | None = None
        self._reads = request.mode.io_mode == IOMode.read
        if self._reads and not request.firstbytes.startswith(MAGIC):
            raise InitializationError("not an lvcodec stream")
        self._start = request.get_file().tell() if self._reads else 0
        if not self._reads and request.extension not in (SUFFIX, None):
            raise InitializationError(f"lvcodec writes {SUFFIX}")

    @cached_property
    def _video(self) -> lvcodec.VideoReader:
        return lvcodec.open(self.request.get_file())

    def read(self, *, index: int | EllipsisType | None = ...) -> NDArray[np.uint8]:
        """One picture as (H, W, 3) uint8, RGB; with `...`, the default, or None all of them as (N, H, W, 3).

        Raises what `lvcodec.open` does.
        """
        if index is None or index is ...:
            return np.stack([*self._video])
        picture: NDArray[np.uint8] = self._video[index]
        return picture

    def iter(self) -> Iterator[NDArray[np.uint8]]:
        """The pictures, each (H, W, 3) uint8, RGB, decoded one at a time. Raises what `lvcodec.open` does."""
        yield from self._video

    def write(self, ndimage: Any, *, fps: float | None = None, **options: Any) -> bytes | None:
        """Add pictures: one as (H, W, 3) uint8, RGB, several as (N, H, W, 3) or a list; the stream ends with `close`.

        fps: pictures a second, 25 if it is not given. options: fields of lvcodec.Encoding, as quality=4. Both go with
        the first call. What was there is replaced.
        Returns the stream if it is written to "<bytes>", which ends with the first call.
        """
        if self._encoder is None:
            target = self.request.get_local_filename()
            self._encoder = lvcodec.Encoder(target, rate=fps, overwrite=True, **options)
        elif fps is not None or options:
            raise UsageError("fps and options go with the first pictures")
        single = isinstance(ndimage, np.ndarray) and ndimage.ndim == 3
        for picture in [ndimage] if single else ndimage:
            self._encoder.write(np.asarray(picture))
        if self.request.raw_uri != "<bytes>":
            return None
        self.close()
        stream: bytes | None = self.request.get_result()
        return stream

    def properties(self, index: int | EllipsisType | None = ...) -> ImageProperties:
        """Shape and type of what `read` gives for that index. Nothing is decoded."""
        video = self._video
        if index is None or index is ...:
            shape = (len(video), *video.shape)
            return ImageProperties(shape, np.dtype(np.uint8), n_images=len(video), is_batch=True)
        _check_index(index, len(video))
        return ImageProperties(video.shape, np.dtype(np.uint8), is_batch=False)

    def metadata(self, index: int | EllipsisType | None = ..., exclude_applied: bool = True) -> dict[str, Any]:
        """What a stream says of itself, or with a number of one of its pictures. Nothing is decoded.

        exclude_applied: without the colour, which is applied to RGB.
        """
        info = self._probed()
        if index is not None and index is not ...:
            _check_index(index, len(info.pictures))
            picture = info.pictures[index]
            return {
                "number": picture.number,
                "kind": picture.kind,
                "quality": picture.quality,
                "size_bytes": picture.size_bytes,
                "time": self._video.time_of(picture.number),
            }
        told: dict[str, Any] = {
            "codec": NAME,
            "fps": float(info.rate),
            "duration": info.duration_s,
            "size": (info.width, info.height),
            "family": info.family,
            "mode": info.mode,
            "quality": info.quality,
        }
        return told if exclude_applied else told | {"colour": info.colour.describe()}

    def _probed(self) -> lvcodec.StreamInfo:
        """What is in the stream; the file stands where it stood before, for the reader that may be going on in it."""
        file = self.request.get_file()
        here = file.tell()
        file.seek(self._start)
        try:
            return lvcodec.probe(file)
        finally:
            file.seek(here)

    def close(self) -> None:
        """Complete the stream, or end reading. May be called twice."""
        self._end(complete=True)

    def _end(self, *, complete: bool) -> None:
        encoder, self._encoder = self._encoder, None
        try:
            if encoder is not None:
                encoder.close() if complete else encoder.abort()
        finally:
            self.request.finish()

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(complete=kind is None)

    def __del__(self) -> None:
        self._end(complete=False)


def _check_index(index: int, count: int) -> None:
    if not -count <= index < count:
        raise NoSuchPictureError(f"of {count_text(count, 'picture')} none has the number {index}")


def register() -> None:
    """Make imageio know the plugin by its name, and by the suffix of files. May be called twice."""
    known_plugins[NAME] = PluginConfig(name=NAME, class_name=LvcodecPlugin.__name__, module_name=__name__)
    known_extensions[SUFFIX] = [FileExtension(extension=SUFFIX, priority=[NAME], name="lvcodec stream")]


register()
