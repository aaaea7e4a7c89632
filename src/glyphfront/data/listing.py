"""The files of a folder or of a zip archive, under one interface, without what operating systems leave there."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from glyphfront.data.notes import Notes
from glyphfront.errors import GlyphfrontError

MOST_FILES = 2_000_000
MOST_MEMBER_BYTES = 2 << 30  # of one unpacked file of an archive
ARCHIVE_FAULTS = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError)
"""What zipfile raises for a damaged or encrypted member, or one packed in a way that it does not know."""
_JUNK_FOLDERS = {"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found", "__pycache__"}
_JUNK_FILES = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"}


@dataclass(frozen=True)
class File:
    """One file, on disk or in a zip archive.

    Attributes:
        at: the file on disk, or the archive.
        member: its name in the archive; None on disk.
        relative: its path below what was listed, with forward slashes.
        size: bytes, unpacked.
        stamp: changes when the file does: modification time in ns, or the archive's CRC of it.
    """

    at: Path
    member: str | None
    relative: PurePosixPath
    size: int
    stamp: int

    @property
    def name(self) -> str:
        """Its last component."""
        return self.relative.name

    def __str__(self) -> str:
        return str(self.at) if self.member is None else f"{self.at}: {self.member}"

    def open(self) -> BinaryIO:
        """A stream of its bytes.

        Raises:
            OSError: it cannot be opened.
            zipfile.BadZipFile: the archive is damaged there.
        """
        if self.member is None:
            return self.at.open("rb")
        kept = _kept_open.get()
        if kept is None:
            return cast(BinaryIO, _MemberStream(zipfile.ZipFile(self.at), self.member))
        if self.at not in kept:
            kept[self.at] = zipfile.ZipFile(self.at)
        return cast(BinaryIO, kept[self.at].open(self.member))

    def read(self) -> bytes:
        """All of its bytes.

        Raises:
            GlyphfrontError: it cannot be read, or is larger than a file of an archive may be.
        """
        if self.member is not None and self.size > MOST_MEMBER_BYTES:
            raise GlyphfrontError(f"{self}: {self.size:,} bytes unpacked, more than is read from an archive; unpack it")
        try:
            with self.open() as stream:
                return stream.read()
        except OSError as error:
            raise GlyphfrontError(f"{self}: cannot be read: {error.strerror or error}") from None
        except ARCHIVE_FAULTS as error:
            raise GlyphfrontError(f"{self}: cannot be unpacked ({error}); get the archive again") from None


_kept_open: ContextVar[dict[Path, zipfile.ZipFile] | None] = ContextVar("_kept_open", default=None)


@contextmanager
def archives_kept_open() -> Iterator[None]:
    """Within it each archive is opened once, and closed at the end: opening one reads the names of all its files.

    Only in the thread that enters it, since another begins with a context of its own; nothing within it may fork.
    """
    if _kept_open.get() is not None:
        yield
        return
    kept: dict[Path, zipfile.ZipFile] = {}
    token = _kept_open.set(kept)
    try:
        yield
    finally:
        _kept_open.reset(token)
        for archive in kept.values():
            archive.close()


class _MemberStream:
    """A member's stream that closes its archive too."""

    def __init__(self, archive: zipfile.ZipFile, member: str) -> None:
        self._archive = archive
        self._stream = archive.open(member)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._stream)

    def __enter__(self) -> _MemberStream:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._archive.close()


def list_files(place: Path, depth: int = 8, notes: Notes | None = None) -> list[File]:
    """All files in a folder or a zip archive, sorted by path; junk of operating systems is left out.

    Names that begin with a dot are listed, but for those that are junk: whoever reads decides what to do with them.

    Args:
        place: a folder or a zip archive.
        depth: how many levels of folders.
        notes: receives folders that cannot be read, which are left out; without it they are said at once.

    Raises:
        GlyphfrontError: there is nothing at `place`, it is no folder and no zip archive, it cannot be read, or holds
            too many files.
    """
    if place.is_dir():
        unread = Notes(place)
        found = list(_of_folder(place, depth, notes or unread))
        unread.say()
    elif not place.exists():
        raise GlyphfrontError(f"{place}: no such folder; give a folder or a zip file of pictures")
    elif zipfile.is_zipfile(place) or place.suffix.lower() == ".zip":
        found = of_archive(place)
    else:
        raise GlyphfrontError(f"{place}: neither a folder nor a zip file")
    return sorted(found, key=lambda file: str(file.relative))


def empty_folders(place: Path, below: PurePosixPath) -> list[PurePosixPath]:
    """The folders right below a folder of `place` that hold no file at all; none are known of an archive."""
    at = place / below
    if not at.is_dir():
        return []
    return [
        below / folder.name
        for folder in sorted(at.iterdir())
        if folder.is_dir()
        and not folder.name.startswith(".")
        and not _is_junk(folder.name, folder=True)
        and _is_empty(folder)
    ]


def _is_empty(folder: Path) -> bool:
    """Whether there is no file in a folder, at any depth; not where that cannot be told."""
    faults: list[OSError] = []
    for at, _, names in os.walk(folder, onerror=faults.append):
        for name in names:
            try:
                if not _is_junk(name) and Path(at, name).is_file():
                    return False
            except OSError:
                return False
    return not faults


def _of_folder(place: Path, depth: int, notes: Notes) -> Iterator[File]:
    count = 0
    faults: list[OSError] = []
    for folder, subfolders, names in os.walk(place, followlinks=True, onerror=faults.append):
        at = Path(folder)
        if any(above.samefile(at) for above in _above(at, place)):  # a link back up
            subfolders.clear()
            continue
        relative = PurePosixPath(at.relative_to(place).as_posix())
        too_deep = len(relative.parts) >= depth
        subfolders[:] = [] if too_deep else sorted(name for name in subfolders if not _is_junk(name, folder=True))
        for name in names:
            if _is_junk(name):
                continue
            count += 1
            if count > MOST_FILES:
                raise GlyphfrontError(f"{place}: more than {MOST_FILES:,} files; name the folder that holds the set")
            try:
                status = (at / name).stat()
            except PermissionError as error:  # of the folder, and so of all in it
                faults.append(PermissionError(error.errno, error.strerror, str(at)))
                break
            except OSError:
                notes.add("a link to nothing; left out", (relative / name).as_posix())
                continue
            yield File(at / name, None, relative / name, status.st_size, status.st_mtime_ns)
    for fault in faults:
        if Path(fault.filename) == place:
            raise GlyphfrontError(f"{place}: cannot be read: {fault.strerror}")
        notes.add(f"cannot be read: {fault.strerror}; left out", Path(fault.filename).relative_to(place).as_posix())


def _above(at: Path, place: Path) -> list[Path]:
    """The folders above `at`, up to `place`."""
    return [] if at == place else [at.parent, *_above(at.parent, place)]


def of_archive(path: Path) -> list[File]:
    """The files in a zip archive; nothing is unpacked to disk, so a path that would lead out of it does no harm.

    Raises:
        GlyphfrontError: the archive is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (OSError, zipfile.BadZipFile) as error:
        raise GlyphfrontError(f"{path}: not a readable zip file ({error}); get it again") from None
    files = []
    for member in members:
        parts = [part for part in PurePosixPath(_decoded(member)).parts if part not in ("/", "//", "..")]
        relative = PurePosixPath(*parts)
        if member.is_dir() or not parts:
            continue
        if any(_is_junk(part, folder=True) for part in parts[:-1]) or _is_junk(parts[-1]):
            continue
        files.append(File(path, member.filename, relative, member.file_size, member.CRC))
    return files


def _decoded(member: zipfile.ZipInfo) -> str:
    """The name; macOS writes UTF-8 without the flag that says so, Windows backslashes (APPNOTE 6.3.10, appendix D)."""
    name = member.filename if "/" in member.filename else member.filename.replace("\\", "/")
    if member.flag_bits & 0x800:
        return name
    try:
        return name.encode("cp437").decode("utf-8")
    except UnicodeError:
        return name


def _is_junk(name: str, *, folder: bool = False) -> bool:
    if folder:
        return name in _JUNK_FOLDERS or name in {".git", ".ipynb_checkpoints", ".Trashes", ".Spotlight-V100"}
    return name.lower() in _JUNK_FILES or name.startswith("._") or name == ".DS_Store"
