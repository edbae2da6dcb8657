"""Fuzz: decode, probe and join many damaged streams, in this process, under limits. Run by `make fuzz`.

python -m fuzz --seed 1 --count 20000       prints what came of them; exit code 1, and a file, if one is wrong
python -m fuzz --seed 1 --only 4711         the one case again, with its traceback
"""

from __future__ import annotations

import argparse
import collections
import faulthandler
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from types import FrameType

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from golden import streams

from fuzz.damage import damaged
from fuzz.judge import judge

MEMORY_BYTES = 2 * 2**30
SECONDS = 300  # for one case; those of usual size take some hundredths, 16384x16384 of cheng2020 two minutes
BLOCK = 100  # cases of one model in a row: networks are kept for one model only


class Hang(BaseException):
    """A case that takes too long. No Exception, so that nothing catches it."""


def limit_memory() -> None:
    """Let this process take MEMORY_BYTES more address space than it has mapped beyond what it uses."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()
    mapped, used = (int(count) * resource.getpagesize() for count in pages[:2])
    limit = mapped - used + MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def peak_bytes() -> int:
    """The most that this program has held. (ru_maxrss would count the process that it was started by, too.)"""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError("/proc/self/status tells no peak")


def stop(number: int, frame: FrameType | None) -> None:
    raise Hang(f"more than {SECONDS} s")


def run(seed: int, numbers: range, *, stop_at_first: bool) -> tuple[collections.Counter[str], list[str]]:
    """Run the cases of these numbers; returns how many ended how, and what was wrong."""
    outcomes: collections.Counter[str] = collections.Counter()
    wrong: list[str] = []
    names = sorted({golden.model for golden in streams.STREAMS})
    whole = {name: [g.path.read_bytes() for g in streams.STREAMS if g.model == name] for name in names}
    signal.signal(signal.SIGALRM, stop)
    for number in numbers:
        model = names[number // BLOCK % len(names)]
        rng = random.Random(f"{seed} {number}")
        data = damaged(whole[model], rng)
        faulthandler.dump_traceback_later(2 * SECONDS, exit=True)  # where Python's own handler does not get a turn
        signal.alarm(SECONDS)
        try:
            outcomes[judge(data, rng.choice(whole[model]), rng)] += 1
        except (Exception, Hang) as error:
            signal.alarm(0)
            path = Path(tempfile.gettempdir()) / f"fuzz-{seed}-{number}.lvc"
            path.write_bytes(data)
            wrong.append(f"case {number}: {type(error).__name__}: {error} ({path})")
            print(wrong[-1], file=sys.stderr, flush=True)
            if stop_at_first:
                traceback.print_exc()
                break
        finally:
            signal.alarm(0)
            faulthandler.cancel_dump_traceback_later()
    return outcomes, wrong


def main() -> int:
    parser = argparse.ArgumentParser(prog="fuzz")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=20000)
    parser.add_argument("--only", type=int)
    args = parser.parse_args()
    torch.set_num_threads(1)
    numbers = range(args.first, args.first + args.count) if args.only is None else range(args.only, args.only + 1)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as base:
        os.environ["LVCODEC_MODELS"] = base
        streams.make_models(Path(base))
        limit_memory()
        outcomes, wrong = run(args.seed, numbers, stop_at_first=args.only is not None)
    for outcome, count in sorted(outcomes.items()):
        print(f"{count:7d}  {outcome}")
    peak = peak_bytes()
    print(
        f"{len(numbers)} streams, seed {args.seed}: {len(wrong)} wrong, {time.monotonic() - began:.0f} s, "
        f"at most {peak / 2**20:.0f} MiB"
    )
    return 1 if wrong or peak > MEMORY_BYTES else 0


if __name__ == "__main__":
    sys.exit(main())
