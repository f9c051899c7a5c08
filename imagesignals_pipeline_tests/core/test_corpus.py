"""A public corpus of malformed and odd pictures: every file ends in signals or in a failure.

The corpus is the folder `Tests/images` of Pillow's source distribution: 1,060 files of some forty
formats, many of them found by fuzzers. It is downloaded once, by pip, into pytest's cache, and
none of it is in this repository. By default every eighth file and all PNG, JPEG and GIF with a
suspicious name are inspected; IMAGESIGNALS_FULL_CORPUS=1 inspects all.
"""

import hashlib
import os
import subprocess
import sys
import tarfile
import time
from collections import Counter
from pathlib import Path

import pytest

from imagesignals_pipeline.model import Analysis, Failure, FailureKind
from imagesignals_pipeline.picture import Inspectors
from imagesignals_pipeline.workers import Limits

PILLOW = "pillow==13.0.0"
SHA256 = "cdcd1ba258178f7356d74170c9a81ba4eab6a5d55748bc402a5a2a6fe6be3510"

FULL = bool(os.environ.get("IMAGESIGNALS_FULL_CORPUS"))
EVERY = 1 if FULL else 8
ALWAYS = (
    "bomb",
    "broken",
    "bad",
    "trunc",
    "crash",
    "dos",
    "exif",
    "apng",
    "huge",
    "timeout",
    "oom",
)

LIMITS = Limits(memory_mib=1024, cpu_s=10, wall_s=30.0)

DOWNLOAD_S = 120


@pytest.fixture(scope="module")
def corpus(pytestconfig: pytest.Config) -> Path:
    """The source distribution, from the cache or downloaded; without it the test is skipped."""
    assert pytestconfig.cache is not None
    folder = pytestconfig.cache.mkdir("pillow-corpus")
    archive = folder / "pillow-13.0.0.tar.gz"
    if not archive.exists():
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command = [*download, "--no-binary", "pillow", "--dest", str(folder), PILLOW]
        try:
            subprocess.run(command, check=True, timeout=DOWNLOAD_S, capture_output=True)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            pytest.skip(f"the corpus cannot be downloaded here: {type(error).__name__}")
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == SHA256
    return archive


def chosen(archive: Path) -> dict[str, bytes]:
    """Return names and contents of the pictures to inspect."""
    with tarfile.open(archive) as tar:
        pictures = [member for member in tar if member.isfile() and "/Tests/images/" in member.name]
        kept = [
            member
            for number, member in enumerate(pictures)
            if number % EVERY == 0 or any(word in member.name for word in ALWAYS)
        ]
        files = {member.name: tar.extractfile(member) for member in kept}
        return {name: file.read() for name, file in files.items() if file is not None}


def test_no_file_of_the_corpus_hurts(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each file has an answer within its limits, none stops a worker, and every kind occurs."""
    files = chosen(corpus)
    with Inspectors(2, limits=LIMITS) as inspectors:
        start = time.monotonic()
        results = list(inspectors.inspect_all(files.values(), bytes))
        took_s = time.monotonic() - start
    kinds = Counter(
        result.kind.value if isinstance(result, Failure) else "analysed" for result in results
    )
    with capsys.disabled():
        print(f"\n{len(files)} files in {took_s:.1f} s: {dict(kinds)}")
    assert all(isinstance(result, Analysis | Failure) for result in results)
    assert kinds["analysed"] > len(files) // 4
    assert kinds[FailureKind.DECODER_LIMIT] == 0
    assert {kind for kind, count in kinds.items() if count} >= {
        FailureKind.NOT_AN_IMAGE,
        FailureKind.UNSUPPORTED_FORMAT,
        FailureKind.DAMAGED,
        FailureKind.TOO_MANY_PIXELS,
    }
