"""How many workers pay: a film of two hours on paper, by 1 to 1,000 workers, from the times of pieces that were coded.

    lvcodec plan FILM -o film.json | xargs -I{} lvcodec encode --piece {} film.json
    python tools/cluster_speedup.py film.json [--hours 2] [--scan 400]

Pieces of the plans that are named stand for shots: they are drawn at random and put together to pieces of
--piece-length and more until the film is full. What one takes is its processor time, on one core. Workers take the next
piece of a list when they are free. Speed-up is over one worker that codes all of it.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from lvcodec.pieces.joining import checked
from lvcodec.pieces.plan import Plan

WORKERS = (1, 2, 4, 8, 16, 32, 64, 100, 200, 500, 1000)
SLOW_EVERY, SLOW = 20, 0.5  # one worker in so many has so much of the others' speed
LOST_EVERY_S, AWAY_S = 3600.0, 60.0  # each worker is lost once in so many seconds, for so long
HEADING = (
    "workers",
    "order of the film",
    "longest first",
    "and slow workers",
    "and lost workers",
    "with planning",
    "minutes",
)


@dataclass(frozen=True)
class Trouble:
    """What happens to workers: one in SLOW_EVERY is slow; all are lost now and then, and their pieces begun anew."""

    slow: bool = False
    lost: bool = False


def elapsed_s(pieces: Sequence[float], workers: int, trouble: Trouble, seed: int = 0) -> float:
    """How long workers need for pieces, seconds each, that are taken in this order."""
    random = np.random.default_rng(seed)
    waiting = deque(pieces)
    # what happens next: a worker is free (its piece is None), or ends a piece
    events: list[tuple[float, int, float | None]] = [(0.0, worker, None) for worker in range(workers)]
    heapq.heapify(events)
    now, every = 0.0, LOST_EVERY_S / workers
    next_loss = every
    while events:
        if trouble.lost and events[0][0] > next_loss:
            place = int(random.integers(workers))
            hit = next((event for event in events if event[1] == place), None)
            if hit is not None:
                events.remove(hit)
                heapq.heapify(events)
                heapq.heappush(events, (next_loss + AWAY_S, place, None))
                if hit[2] is not None:
                    waiting.appendleft(hit[2])
                _wake(events, waiting, workers, next_loss)
            next_loss += every
            continue
        when, worker, ended = heapq.heappop(events)
        now = max(now, when) if ended is not None else now
        if waiting:
            piece = waiting.popleft()
            speed = SLOW if trouble.slow and worker % SLOW_EVERY == SLOW_EVERY - 1 else 1.0
            heapq.heappush(events, (when + piece / speed, worker, piece))
    return now


def _wake(events: list[tuple[float, int, float | None]], waiting: deque[float], workers: int, when: float) -> None:
    """Let a worker that had nothing left to do come back for a piece that has to be begun anew."""
    idle = set(range(workers)) - {event[1] for event in events}
    if waiting and idle:
        heapq.heappush(events, (when, min(idle), None))


def film_of(measured: Sequence[tuple[float, float]], film_s: float, piece_s: float = 0.0, seed: int = 0) -> list[float]:
    """Processor seconds of the pieces of a film that plays so long.

    measured: (seconds played, processor seconds) of shots; a piece has as many as play piece_s or longer.
    """
    random = np.random.default_rng(seed)
    played, pieces = 0.0, []
    while played < film_s:
        plays_s = takes_s = 0.0
        while plays_s <= 0 or plays_s < piece_s:
            shot_plays_s, shot_takes_s = measured[int(random.integers(len(measured)))]
            plays_s, takes_s = plays_s + shot_plays_s, takes_s + shot_takes_s
        played += plays_s
        pieces.append(takes_s)
    return pieces


def rows(pieces: list[float], serial_s: float) -> Iterator[list[str]]:
    """The table, a row for each number of workers. serial_s: what planning takes, while no piece is coded."""
    longest_first = sorted(pieces, reverse=True)
    alone = sum(pieces)
    slow, lost = Trouble(slow=True), Trouble(slow=True, lost=True)
    for workers in WORKERS:
        last = elapsed_s(longest_first, workers, lost)
        times = [
            elapsed_s(pieces, workers, Trouble()),
            elapsed_s(longest_first, workers, Trouble()),
            elapsed_s(longest_first, workers, slow),
            last,
        ]
        cells = [f"{alone / time:.1f}" for time in times]
        whole = last + serial_s
        yield [str(workers), *cells, f"{(alone + serial_s) / whole:.1f}", f"{whole / 60:.0f}"]


@click.command()
@click.argument("plans", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--hours", default=2.0, show_default=True, help="How long the film plays.")
@click.option("--piece-length", "piece_s", default=12.0, show_default=True, help="Seconds of a piece, at least.")
@click.option("--scan", default=400.0, show_default=True, help="Pictures a second that planning reads.")
@click.option("--start", default=0.0, show_default=True, help="Seconds that a worker needs to begin with a piece.")
@click.option("--factor", default=1.0, show_default=True, help="Times as long as measured: for larger pictures.")
def main(plans: tuple[Path, ...], hours: float, piece_s: float, scan: float, start: float, factor: float) -> None:
    """Print the table of speed-ups."""
    measured = []
    for path in plans:
        plan = Plan.read(path)
        for number, receipt in zip(plan.in_order, checked(plan), strict=True):
            plays_s = float(plan.pieces[number].pictures / plan.header.video.rate)
            measured.append((plays_s, factor * receipt.processor_s))
    rate = float(plan.header.video.rate)
    pieces = [start + takes_s for takes_s in film_of(measured, hours * 3600, piece_s)]
    shares = [takes / plays for plays, takes in measured]
    click.echo(
        f"{len(pieces)} pieces, {sum(pieces) / 3600:.1f} processor hours; a piece takes {min(pieces):.0f} to "
        f"{max(pieces):.0f} s, a second of film {min(shares):.1f} to {max(shares):.1f} s\n"
    )
    click.echo(f"| {' | '.join(HEADING)} |\n|{'---|' * len(HEADING)}")
    for cells in rows(pieces, hours * 3600 * rate / scan):
        click.echo(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
