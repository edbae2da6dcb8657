"""A second decoder, after docs/bitstream.md alone: numpy's int64, nothing of lvcodec, no torch.

    container.py   header, records, end record          symbols.py   tables, calls, where a latent's table is
    weights.py     a model's files and their hash       layers.py    rounding, shuffles, layers
    swift.py, cheng2020.py   the families' networks     motion.py    fields of vectors, and a picture through them
    decoder.py   payloads and modes: from stream to pictures

Slow, and written to be read beside the page: docstrings name its sections. The range coder is tests/entropy/judge.py,
which is another reading of the same page. Errors are ValueError.
"""

from __future__ import annotations

from .decoder import Decoded, checksum_of, decode

__all__ = ["Decoded", "checksum_of", "decode"]
