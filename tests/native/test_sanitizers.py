"""The kernels built to stop at any wrong access: their tests, and damaged streams. `make sanitize` runs this alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from lvcodec.native import LEVELS

ROOT = Path(__file__).resolve().parents[2]
TESTS = (
    "tests/native/test_kernels.py",
    "tests/encoder/test_errors.py",
    "tests/encoder/test_residual.py",
    "tests/encoder/test_tree.py",
    "tests/encoder/test_search.py",
    "tests/entropy/test_entropy_coder.py",
)
FLAGS = (
    "-g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined,float-cast-overflow -fno-sanitize-recover=all "
    "-fno-wrapv"  # Python's own flags say -fwrapv, with which signed numbers that overflow are no fault
)
SECONDS = 1800  # for one command: far more than any takes, on a machine that does much else

# Built with the kernels, and called past all of their checks. Both sanitizers have a function that sets where reports
# go, and libasan's is found first: libubsan has to be asked for its own.
PLANTED = """
#include <dlfcn.h>
#include <stdlib.h>
__attribute__((constructor)) static void report_into_files(void) {
    void (*set_path)(const char *) = dlsym(dlopen("libubsan.so.1", RTLD_NOW), "__sanitizer_set_report_path");
    set_path(getenv("REPORTS"));
}
#define SHOWN __attribute__((visibility("default")))
SHOWN int byte_at(const unsigned char *bytes, int at) { return bytes[at]; }
SHOWN int one_more(int number) { return number + 1; }
SHOWN int whole(double number) { return (int)number; }
"""
CALL = """
import ctypes, sys, numpy
from lvcodec.native import _kernels
planted = ctypes.CDLL(_kernels.__file__)
planted.whole.argtypes = [ctypes.c_double]
ours = numpy.zeros(100, numpy.uint8)
eval(sys.argv[1])
"""


def library(name: str) -> str:
    """Where the compiler has a library; empty if it has none."""
    compiler = shutil.which("gcc")
    if compiler is None:
        return ""
    done = subprocess.run([compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=True)
    path = done.stdout.strip()
    return path if os.path.isabs(path) else ""


# libubsan brings the C++ library, whose exceptions libasan has to find when it is loaded.
LIBRARIES = [library("libasan.so"), library("libubsan.so")]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not all(LIBRARIES), reason="no gcc with AddressSanitizer and UndefinedBehaviorSanitizer here"),
]


@dataclass(frozen=True)
class Sanitized:
    """lvcodec with sanitized kernels."""

    base: Path

    def run(self, *arguments: str, cwd: Path = ROOT, level: str = "") -> tuple[subprocess.CompletedProcess[str], str]:
        """Run Python. Returns what became of it, and the reports on it and its children.

        Reports go into files: stderr may be pytest's or a child's, which nobody sees.
        """
        reports = self.base / "reports"
        shutil.rmtree(reports, ignore_errors=True)
        reports.mkdir()
        # Leaks are the interpreter's own. Memory that is refused is lvcodec's to report. What is freed is held back for
        # a while, and counts towards the fuzz's limit.
        options = "detect_leaks=0:allocator_may_return_null=1:quarantine_size_mb=64"
        environment = os.environ | {
            "LD_PRELOAD": " ".join(LIBRARIES),
            "REPORTS": f"{reports}/report",
            "ASAN_OPTIONS": f"log_path={reports}/report:{options}",
            "UBSAN_OPTIONS": "print_stacktrace=1",
            "PYTHONMALLOC": "malloc",  # else small objects of Python lie side by side in one allocation
            "PYTHONPATH": str(self.base / "src"),
            "OMP_NUM_THREADS": "1",
            "LVCODEC_BACKEND": "",
            "LVCODEC_NATIVE": level,
        }
        command = [sys.executable, *arguments]
        done = subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS
        )
        return done, "\n".join(path.read_text(errors="replace") for path in sorted(reports.iterdir()))

    def run_well(self, *arguments: str, cwd: Path = ROOT, level: str = "") -> str:
        """Run Python, which has to end well and without a report. Returns its stdout."""
        done, reports = self.run(*arguments, cwd=cwd, level=level)
        assert not reports, reports[:8000]
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        return done.stdout


@pytest.fixture(scope="module")
def sanitized(tmp_path_factory: pytest.TempPathFactory) -> Sanitized:
    pytest.importorskip("setuptools")
    base = tmp_path_factory.mktemp("sanitized")
    for name in ("native", "src"):
        shutil.copytree(ROOT / name, base / name, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, base)
    (base / "weights").symlink_to(ROOT / "weights")
    (base / "native/planted.c").write_text(PLANTED)
    build = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
    environment = os.environ | {"LVCODEC_CFLAGS": FLAGS, "LDFLAGS": "-fsanitize=address,undefined"}
    subprocess.run(build, cwd=base, env=environment, capture_output=True, check=True, timeout=SECONDS)
    assert list((base / "src/lvcodec/native").glob("_kernels*")), "the sanitized kernels were not built"
    return Sanitized(base)


@pytest.mark.parametrize(
    ("right", "fault", "report"),
    [
        ("planted.byte_at(ours.ctypes, 99)", "planted.byte_at(ours.ctypes, 100)", "heap-buffer-overflow"),
        ("planted.byte_at(bytes(100), 100)", "planted.byte_at(bytes(100), 101)", "heap-buffer-overflow"),
        ("planted.one_more(2**31 - 2)", "planted.one_more(2**31 - 1)", "signed integer overflow"),
        ("planted.whole(2.0**31 - 1)", "planted.whole(2.0**31)", "outside the range of representable values"),
    ],
)
def test_planted_faults_are_reported(sanitized: Sanitized, right: str, fault: str, report: str) -> None:
    sanitized.run_well("-c", CALL, right)
    done, reports = sanitized.run("-c", CALL, fault)
    assert done.returncode != 0
    assert report in reports and "planted.c:" in reports  # a line: the test's flags have won


def test_kernels_pass_their_tests(sanitized: Sanitized) -> None:
    options = ("-q", "-x", "-p", "no:cacheprovider", "--basetemp", str(sanitized.base / "t"))
    assert " passed" in sanitized.run_well("-m", "pytest", *options, *TESTS)


@pytest.mark.parametrize("level", LEVELS)
def test_damaged_streams(sanitized: Sanitized, level: str) -> None:
    used = sanitized.run_well("-c", "from lvcodec import native; print(native.condition())", level=level).strip()
    if used in LEVELS and used != level:
        pytest.skip(f"this processor has no {level}")
    assert used == level
    fuzz = ("-m", "fuzz", "--seed", "2", "--count", "400")
    assert "400 streams, seed 2: 0 wrong" in sanitized.run_well(*fuzz, cwd=ROOT / "tests", level=level)
