"""How much time the encoder takes, by a name: what each preset stands for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EncoderPreset:
    """What the encoder tries.

    effort: rounds of search for symbols. structures: in how many a run of pictures is coded, to keep the cheapest,
    after the first run of a GOP, which is coded in all. rounds: of the search for motion
    (docs/decisions.md#rounds-of-the-search).
    """

    effort: int
    structures: int
    rounds: int


# docs/decisions.md#presets
DEFAULT_PRESET = "medium"
ENCODER_PRESETS = {
    "fast": EncoderPreset(effort=0, structures=1, rounds=1),
    "medium": EncoderPreset(effort=0, structures=2, rounds=3),
    "slow": EncoderPreset(effort=8, structures=3, rounds=3),
}
