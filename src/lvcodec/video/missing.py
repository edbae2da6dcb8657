"""How many pictures of a clip have not come, by what its container says and by what ffmpeg has met."""

from __future__ import annotations

from fractions import Fraction

from lvcodec.video.probe import Probe
from lvcodec.video.timing import empty_places
from lvcodec.video.watch import Watch

SOUND_S = 0.5  # by so much sound may be longer than the pictures it belongs to


def missing_pictures(watch: Watch, probe: Probe) -> int:
    """Pictures that the container says it has and ffmpeg has not decoded, once it is done; 0 if none is known of.

    A gap in time may be meant, a long last picture too. So gaps count only where ffmpeg has met errors, and then no
    more of them than there are packets that became no picture.
    """
    if not watch.stamps or not watch.stamped or watch.tick is None:
        return 0
    step = 1 / (probe.rate * watch.tick)  # ticks
    end_s = (max(watch.stamps) + (watch.last or step)) * watch.tick
    within = 0 if watch.error is None else _within(watch, probe, step)
    return within + _behind(end_s, probe, damaged=watch.error is not None)


def _within(watch: Watch, probe: Probe, step: Fraction) -> int:
    stamps = sorted(watch.stamps)
    lost = None if watch.packets is None else max(0, watch.packets - len(stamps))
    if probe.variable:
        return lost or 0
    before = 0 if probe.said.anywhere else max(0, round(stamps[0] / step))
    places = before + empty_places(stamps, step)
    return places if lost is None else min(places, lost)


def _behind(end_s: Fraction, probe: Probe, *, damaged: bool) -> int:
    """How many pictures fit between the end of the last one and where they are said to end."""
    said_s, pictures = probe.end_s, 0.75 if damaged else 1.5
    slack_s = 0.0
    if said_s is None:
        said_s = probe.said.duration_s
        if said_s is None or probe.said.anywhere or probe.variable:
            return 0
        cut = probe.last_s is not None and said_s - probe.last_s > SOUND_S
        if not (damaged or probe.said.alone or cut):
            return 0
        pictures = 1.5 if damaged else 3
        slack_s = 0.0 if probe.said.alone else SOUND_S
    short_s = said_s - float(end_s)
    rate = float(probe.rate)
    return round(short_s * rate) if short_s > max(pictures / rate, slack_s) else 0
