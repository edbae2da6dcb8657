"""Pictures in and out: raw YUV, Y4M, all that ffmpeg reads and writes; colour.

    open_source (source.py) ─► planar.py, decoded.py ─► Source (base.py) ─► Picture (picture.py)
    Picture ─► Sink (base.py) ◄─ encoded.py, sink.py ◄─ open_sink (sink.py)

Imports no network library; ffmpeg is looked for only when it is needed.
"""
