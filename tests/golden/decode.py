"""Decode all golden streams in this process and print JSON: backend -> stream -> hash.

    python -m golden.decode [--backends float,int8,native] [--threads N] [--no-onednn] [--jobs N] [--device cpu|cuda]

Run in a process of its own, with limits on instruction sets in its environment. A backend is left out, and said
to be, where it does not work.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path

import torch

from golden import streams
from lvcodec.exact.backends import works


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--backends", default="float,int8,native")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--no-onednn", action="store_true")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.no_onednn:
        torch.backends.mkldnn.enabled = False
    told: dict[str, object] = {"torch": torch.__version__, "capability": torch.backends.cpu.get_cpu_capability()}
    with tempfile.TemporaryDirectory() as base:
        os.environ["LVCODEC_MODELS"] = base
        streams.make_models(Path(base))
        for backend in args.backends.split(","):
            if not works(backend, args.device):
                told[backend] = "does not work here"
                continue
            told[backend] = {
                golden.name: streams.decoded_hash(
                    golden.path.read_bytes(), jobs=args.jobs, backend=backend, device=args.device
                )
                for golden in streams.STREAMS
            }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
