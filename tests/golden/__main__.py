"""Make the golden streams that are missing; with --overwrite, all of them anew. Run by `make golden`."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

from golden import streams


def main(args: list[str]) -> str | None:
    """Returns why nothing was made, or None."""
    if set(args) - {"--overwrite"}:
        return "usage: python -m golden [--overwrite]"
    hashes = streams.recorded() if streams.HASHES.exists() and not args else {}
    missing = [golden for golden in streams.STREAMS if golden.name not in hashes or not golden.path.exists()]
    if not missing:
        return "all golden streams are there; --overwrite makes them anew, which says that old streams no longer decode"
    with tempfile.TemporaryDirectory() as base:
        os.environ["LVCODEC_MODELS"] = base
        made = streams.make_models(Path(base))
        streams.FOLDER.mkdir(exist_ok=True)
        for golden in missing:
            stream = streams.encode(golden, made[golden.model])
            hashes[golden.name] = streams.decoded_hash(stream, backend="reference")
            golden.path.write_bytes(stream)
            print(f"{golden.path}: {len(stream)} bytes, {hashes[golden.name][:16]}")
    streams.HASHES.write_text(json.dumps(hashes, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
