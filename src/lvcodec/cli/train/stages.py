"""The commands of the stages."""

from __future__ import annotations

from typing import Any

import click

from lvcodec.cli.train.options import stage_options
from lvcodec.cli.train.running import train_stage


@click.command(epilog="Example: lvcodec train intra --run runs/intra --data PHOTOS --data VIDEOS --minutes 60")
@stage_options
def intra(**options: Any) -> None:
    """Train what codes single pictures.

    U_ENC, U_DEC, hyper-prior, contexts and quantiser steps, by rate and distortion.
    """
    train_stage("intra", **options)


@click.command(
    epilog="Example: lvcodec train temporal --run runs/temporal --start runs/intra/checkpoint.pt --data VIDEOS "
    "--minutes 30"
)
@stage_options
def temporal(**options: Any) -> None:
    """Train the entropy model of P-pictures.

    P-HE, P-HD, TPM and EPM, by the rate of residuals of two pictures; latents stay as they are.
    """
    train_stage("temporal", **options)


@click.command(
    epilog="Example: lvcodec train compensation --run runs/compensation --start runs/temporal/checkpoint.pt "
    "--data VIDEOS --minutes 20"
)
@stage_options
def compensation(**options: Any) -> None:
    """Train what repairs shifted latents, for the mode lds.

    BFD-E, BFD-D and LCM, by rate and distortion over three P-pictures.
    """
    train_stage("compensation", **options)


@click.command(
    epilog="Example: lvcodec train inter --run runs/inter --start weights/swift --data runs/chains --minutes 720"
)
@stage_options
def inter(**options: Any) -> None:
    """Train the inter path of P- and B-pictures.

    Chains of pictures that it codes itself, each on what it made of the ones before. --data names a folder of chains,
    as `lvcodec train collect` makes them; more may come into it meanwhile.
    """
    train_stage("inter", **options)
