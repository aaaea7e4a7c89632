"""Downloads of EMNIST's official files, checked against their sums."""

from __future__ import annotations

import hashlib
import shutil
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from glyphfront.data.emnist import CLASSES, check_name, mapping_file, place_of
from glyphfront.data.official import OFFICIAL, is_official, official_file
from glyphfront.errors import GlyphfrontError
from glyphfront.files import write_atomically

MIRRORS = ("https://huggingface.co/datasets/Heliosoph/EMNIST/resolve/main",)
"""Byte-for-byte copies with one file a download; they need not hold every split."""

BUNDLE = ("https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip", "md5:58c8d27c78d21e728a6bc7b3cc06412e")
"""NIST's own file with all six splits under ``gzip/``, about 540 MB."""

_TRIES = 3


def fetch(
    name: str,
    folder: Path | None = None,
    *,
    mirrors: Sequence[str] = MIRRORS,
    bundle: tuple[str, str] = BUNDLE,
    official: Mapping[str, tuple[str, int]] = OFFICIAL,
    timeout: float = 30.0,
    pause: float = 1.0,
) -> Path:
    """Download the files of a split that are not there yet.

    They come from the first source that has them: each mirror, file by file, then NIST's bundle, which stays beside
    them so that another split needs no second download. A file gets its name only after its sha256 was checked; a
    download that breaks off goes on where it stopped, now or at the next call.

    Args:
        name: one of `glyphfront.data.EMNIST_SETS`.
        folder: where to put them; by default where `find_folder` looks.
        mirrors: addresses under which the files lie.
        bundle: address and checksum of the zip file.
        official: sha256 and bytes of each file.
        timeout: seconds without a byte after which a connection counts as broken.
        pause: seconds before the first of two more tries; twice as many before the second.

    Returns:
        The folder that holds the files: `folder`, or its subfolder ``gzip`` where files of the set lie there.

    Raises:
        GlyphfrontError: no such split, no source gave the right bytes, another file has the name of an official one,
            or the folder cannot be written.
    """
    check_name(name)
    place = place_of(folder)
    target = next((at for at in (place, place / "gzip") if any(at.glob(f"emnist-{name}-*.gz"))), place)
    console = Console(stderr=True)
    files = [official_file(name, split, what) for split in ("train", "test") for what in ("images", "labels")]
    try:
        target.mkdir(parents=True, exist_ok=True)
        present = [file for file in files if (target / file).exists()]
        for file in present:
            if not is_official(target / file, official):
                raise GlyphfrontError(
                    f"{target / file}: not the official file; move it away, or fetch into another folder (--data-dir)"
                )
        missing = [file for file in files if file not in present]
        if missing:
            _download(missing, target, mirrors, bundle, official, timeout, pause, console)
        if not (target / mapping_file(name)).exists():
            write_mapping(name, target)
    except OSError as error:
        raise GlyphfrontError(f"{target}: cannot be written: {error.strerror or error}") from None
    return target


def write_mapping(name: str, target: Path) -> None:
    """The official mapping file, which is too small to be worth a download."""
    if name == "letters":
        lines = [f"{i} {ord(c)} {ord(c.lower())}\r\n" for i, c in enumerate(CLASSES[name], 1)]
    else:
        lines = [f"{i} {ord(c)}\r\n" for i, c in enumerate(CLASSES[name])]
    write_atomically(target / mapping_file(name), lambda partial: partial.write_bytes("".join(lines).encode()))


def _download(
    files: list[str],
    target: Path,
    mirrors: Sequence[str],
    bundle: tuple[str, str],
    official: Mapping[str, tuple[str, int]],
    timeout: float,
    pause: float,
    console: Console,
) -> None:
    """Bring `files` into `target` from the first sources that have them."""
    import pooch
    import requests

    pooch.get_logger().setLevel("ERROR")
    columns = (TextColumn("{task.description}"), BarColumn(12), DownloadColumn(), TransferSpeedColumn())
    progress = Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal)

    def get(url: str, checksum: str, file: str) -> Path:
        downloader = _resuming_downloader(target / f"{file}.partial", timeout, pause, progress)
        return Path(pooch.retrieve(url, checksum, file, target, downloader=downloader))

    faults: list[str] = []
    with progress:
        for mirror in mirrors:
            try:
                while files:
                    get(f"{mirror}/{files[0]}", f"sha256:{official[files[0]][0]}", files[0])
                    files = files[1:]
            except (requests.RequestException, ValueError) as error:
                faults.append(f"{mirror}/{files[0]}: {_reason(error)}")
                console.print(f"{faults[-1]}; trying the next source", highlight=False, soft_wrap=True)
        if not files:
            return
        try:
            packed = get(bundle[0], bundle[1], bundle[0].rpartition("/")[2])
        except (requests.RequestException, ValueError) as error:
            faults.append(f"{bundle[0]}: {_reason(error)}")
            raise GlyphfrontError(
                f"no source gave the files ({'; '.join(faults)}); the same command goes on where it stopped, "
                "or name a folder that has the official files with --data-dir or GLYPHFRONT_DATA"
            ) from None
    _unpack(files, packed, official)


def _unpack(files: list[str], packed: Path, official: Mapping[str, tuple[str, int]]) -> None:
    with zipfile.ZipFile(packed) as archive:
        for file in files:
            partial = packed.with_name(f"{file}.partial")
            with archive.open(f"gzip/{file}") as source, partial.open("wb") as sink:
                shutil.copyfileobj(source, sink, 1 << 20)
            with partial.open("rb") as stream:
                if hashlib.file_digest(stream, "sha256").hexdigest() != official[file][0]:
                    partial.unlink()
                    raise GlyphfrontError(f"{packed}: {file} in it has the wrong sha256; delete it and try again")
            partial.replace(packed.with_name(file))


def _resuming_downloader(
    partial: Path, timeout: float, pause: float, progress: Progress
) -> Callable[[str, str, object], None]:
    """A downloader for pooch that keeps what has come in `partial`, and asks only for the rest after a break."""
    import requests

    def download(url: str, output_file: str, _pooch: object) -> None:
        name = partial.stem.removeprefix("emnist-").removesuffix("-ubyte.gz")
        task = progress.add_task(name, total=None)
        failures = 0
        while True:
            before = _size(partial)
            try:
                _get_rest(url, partial, timeout, lambda done, total: progress.update(task, completed=done, total=total))
                break
            except requests.RequestException as error:
                failures = 1 if _size(partial) > before else failures + 1
                if failures == _TRIES or not _may_pass(error):
                    progress.remove_task(task)
                    raise
                time.sleep(pause * 2 ** (failures - 1))
        partial.replace(output_file)

    return download


def _get_rest(url: str, partial: Path, timeout: float, report: Callable[[int, int | None], None]) -> None:
    """Append to `partial` what it lacks of the file at `url` (RFC 9110, section 14: range requests).

    Raises:
        requests.RequestException: the server refuses, stalls, or breaks off; what has come stays.
    """
    import requests

    have = _size(partial)
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
    with requests.get(url, headers=headers, stream=True, timeout=timeout) as response:
        if response.status_code == 416:  # nothing lies beyond what is there: all of it, or another file's
            if response.headers.get("Content-Range", "").endswith(f"/{have}"):
                return
            partial.unlink()
            raise requests.ConnectionError("the file on the server is shorter than what is here")
        response.raise_for_status()
        if response.status_code != 206:
            have = 0
        length = response.headers.get("Content-Length")
        total = have + int(length) if length else None
        with partial.open("ab" if have else "wb") as sink:
            for block in response.iter_content(1 << 16):
                have += sink.write(block)
                report(have, total)
        if total is not None and have < total:
            raise requests.ConnectionError("the connection broke off")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _may_pass(error: Exception) -> bool:
    """Whether another try can help: broken connections, silence and the server's own trouble."""
    import requests

    if isinstance(error, requests.HTTPError):
        return error.response.status_code == 429 or error.response.status_code >= 500
    return isinstance(error, requests.ConnectionError | requests.Timeout | requests.exceptions.ChunkedEncodingError)


def _reason(error: Exception) -> str:
    """A few words for a fault of a source, whose own text runs over lines."""
    import requests

    if isinstance(error, requests.HTTPError):
        return f"HTTP status {error.response.status_code}"
    if isinstance(error, requests.Timeout) or "timed out" in str(error):
        return "no answer in time"
    if isinstance(error, requests.exceptions.ChunkedEncodingError) or "broke" in str(error):
        return "the connection broke off"
    if isinstance(error, requests.RequestException):
        return "no connection"
    return "wrong bytes (the checksum differs)"
