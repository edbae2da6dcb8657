"""Pictures in and out: raw YUV, Y4M, all that ffmpeg reads and writes; colour.

Imports no network library; ffmpeg is looked for only when it is needed.
"""

from lvcodec.video.colour import Colour, planes_to_rgb, rgb_to_planes
from lvcodec.video.picture import Picture, VideoFormat
from lvcodec.video.sink import Sink, open_sink
from lvcodec.video.source import ArraySource, Source, open_source

__all__ = [
    "ArraySource",
    "Colour",
    "Picture",
    "Sink",
    "Source",
    "VideoFormat",
    "open_sink",
    "open_source",
    "planes_to_rgb",
    "rgb_to_planes",
]
