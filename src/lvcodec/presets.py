"""How much time the encoder takes, by a name: what each preset stands for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EncoderPreset:
    """What the encoder tries.

    effort: rounds of search for symbols. structures_every: after how many runs of pictures a structure that was
    beaten is tried again; 1: all are tried every time. rounds: of the search for motion
    (docs/decisions.md#rounds-of-the-search).
    """

    effort: int
    structures_every: int
    rounds: int


# docs/decisions.md#presets
DEFAULT_PRESET = "medium"
ENCODER_PRESETS = {
    "fast": EncoderPreset(effort=0, structures_every=6, rounds=1),
    "medium": EncoderPreset(effort=0, structures_every=3, rounds=3),
    "slow": EncoderPreset(effort=8, structures_every=1, rounds=3),
}
