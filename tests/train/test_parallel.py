"""Two processes on one machine train the same weights, which are those of their averaged gradients."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from lvcodec.errors import UsageError
from lvcodec.train.run.parallel import Workers, start
from lvcodec.video.format import VideoFormat
from lvcodec.video.sink import open_sink

pytest.importorskip("compressai", reason="training's priors are CompressAI's: pip install '.[train]'")

AVERAGE = """
import torch
from lvcodec.train.run.parallel import start
workers = start("cpu")
a, b, unused = (torch.nn.Parameter(torch.full(shape, float(workers.rank))) for shape in ((2, 3), (4,), (1,)))
workers.alike([torch.nn.ParameterList([a, b])])
assert a.sum() == 0 and b.sum() == 0
(a.sum() * (1 + workers.rank) + b.sum() * 10 * workers.rank).backward()
workers.average_gradients([a, unused, b])
assert (a.grad == 1.5).all() and (b.grad == 5).all() and unused.grad is None
assert workers.mean(torch.tensor([workers.rank + 1.0])).item() == 1.5
assert workers.largest(workers.rank, -workers.rank) == [1, 0]
assert workers.all(workers.rank) == [0, 1]
workers.close()
print("done", workers.rank, workers.count)
"""


def together(command: list[str]) -> list[tuple[int, str]]:
    """Exit code and output of two processes, started as torchrun does."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | common | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]
    said = [process.communicate(timeout=180)[0] for process in processes]
    return [(process.returncode, text) for process, text in zip(processes, said, strict=True)]


def test_gradients_are_averaged() -> None:
    assert together(["-c", AVERAGE]) == [(0, "done 0 2\n"), (0, "done 1 2\n")]


TRAIN = """
import os, pathlib, sys, torch
from lvcodec.train.run import loop, start
from lvcodec.train.settings import Pace, Settings
folder, shape = pathlib.Path(sys.argv[1]), sys.argv[2]
settings = Settings("intra", 5, True, batch=2, crop=64)
request = start.TrainingRequest(folder / "run", settings, [folder / "videos"], folder / "cache", shape=shape)
run, _ = start.ready(request)
assert run.workers.count == 2
if sys.argv[3] == "stop":
    loop.train(run, folder / "run", pace=Pace(log_steps=1),
               on_step=lambda step: run.workers.rank == 1 and step.number == 3 and os.kill(os.getpid(), 15))
    assert run.progress.step in (3, 4)
    run = start.resumed(settings, folder / "run", run.crops, run.workers)
ended = loop.train(run, folder / "run", pace=Pace(log_steps=1))
weights = torch.cat([p.detach().flatten() for p in run.model.parameters()])
every = run.workers.all(weights)
assert torch.equal(every[0], every[1]), "the processes' weights differ"
crops = run.workers.all(run.crops.random.random())
assert crops[0] != crops[1], "the processes had the same samples"
run.workers.close()
left = [comm.read_text().strip() for comm in pathlib.Path("/proc/self/task").glob("*/comm")]  # of threads, on Linux
assert not [name for name in left if "gloo" in name or "tcpstore" in name], left
print("done", ended.steps)
"""


def test_two_processes_train_one_model(make_clip, tmp_path: Path, tiny: str) -> None:
    """One of them is asked to stop: both do, and go on from one checkpoint; the log has each step once."""
    (tmp_path / "videos").mkdir()
    with open_sink(tmp_path / "videos" / "clip.y4m", VideoFormat(96, 96, Fraction(25))) as sink:
        for picture in make_clip(96, 96, 5):
            sink.write(picture)
    for code, said in together(["-c", TRAIN, str(tmp_path), tiny, "stop"]):
        assert (code, said.splitlines()[-1:]) == (0, ["done 5"]), said
    from lvcodec.train.results import checkpoint, log

    state = checkpoint.read(tmp_path / "run" / "checkpoint.pt")
    assert state["step"] == 5 and len(state["other_random"]) == 1
    assert not torch.equal(state["other_random"][0]["torch"], state["torch_random"])
    assert [line.step for line in log.read(tmp_path / "run" / "log.csv")] == [1, 2, 3, 4, 5]


def test_one_process_exchanges_nothing() -> None:
    alone = Workers(torch.device("cpu"))
    assert alone.largest(1.5, 2) == [1.5, 2] and alone.all("x") == ["x"]
    values = torch.tensor([1.0])
    assert alone.mean(values) is values
    alone.wait()


def test_a_device_that_is_not_there_is_refused() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    assert start("auto").device.type == "cpu"
    with pytest.raises(UsageError, match="no CUDA device; take --device cpu"):
        start("cuda")
