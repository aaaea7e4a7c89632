"""Pictures normalised once: what was made of a file is kept until the file, or the way to normalise, changes."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from functools import cache as once
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from glyphfront.data import cache
from glyphfront.data.dataset import Images
from glyphfront.data.listing import File
from glyphfront.errors import GlyphfrontError

_Seen: TypeAlias = "tuple[NDArray[np.uint8], str, int]"
"""(28, 28), what is wrong with the picture, or "", and how many pages its file holds."""

_LONG = 500  # pictures from which on a bar is shown
_SAVE_EVERY = 2000  # pictures, and a quarter of those kept: so much is done again at most after a kill
_KEY = 16  # bytes
_TOO_LARGE = "too little memory for it; save it smaller"


class _PassingError(GlyphfrontError):
    """A fault of the disk, of rights or of memory, and not of the picture: it may be gone the next time."""


def normalized(file: File) -> tuple[NDArray[np.uint8], int]:
    """The one character in a picture, as EMNIST would have it: (28, 28) uint8, white on black; and its file's pages.

    Of several pages the first is read.

    Raises:
        GlyphfrontError: the file is no readable picture, or shows nothing; the message is without the file's name.
    """
    try:
        content = file.read()
    except GlyphfrontError as error:
        raise _PassingError(str(error).removeprefix(f"{file}: ")) from None
    except MemoryError:
        raise _PassingError(_TOO_LARGE) from None
    try:
        return _normalize(content), _pages(content)
    except GlyphfrontError as error:
        if _is_of_memory(error.__context__):
            raise _PassingError(_TOO_LARGE) from None
        raise GlyphfrontError(str(error).removeprefix("the picture: ")) from None
    except Exception as error:
        if _is_of_memory(error):
            raise _PassingError(_TOO_LARGE) from None
        reason = " ".join(str(error).split()) or type(error).__name__
        raise GlyphfrontError(f"not readable as a picture ({reason})") from None


def _pages(content: bytes) -> int:
    from glyphfront.picture.read import has_pages, open_image

    with open_image(io.BytesIO(content)) as image:
        return int(getattr(image, "n_frames", 1)) if has_pages(image) else 1


def _is_of_memory(error: BaseException | None) -> bool:
    return isinstance(error, MemoryError) or "Insufficient memory" in str(error)  # OpenCV's words


def normalized_array(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same for an image (H, W) of gray pixels.

    Raises:
        GlyphfrontError: it shows nothing.
    """
    return _normalize(image)


def _normalize(picture: bytes | NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The one place where sets of pictures meet what recognises single ones."""
    from glyphfront.picture.normalize import normalize

    return normalize(picture)


def read_pictures(place: Path, files: Sequence[File]) -> tuple[Images, list[str], list[int]]:
    """Normalise many pictures; those done before and unchanged come from the cache.

    A file that could not be read is tried again the next time.

    Args:
        place: folder or archive that they are in, for the name of the cache and the bar.
        files: of the pictures.

    Returns:
        (N, 28, 28) uint8; for each file what is wrong with it, or ""; and how many pages each holds.
    """
    slot = hashlib.sha256(f"pictures {place.resolve()}".encode()).hexdigest()[:32]
    known = _known(slot)
    keys = [_key(file) for file in files]
    todo = [number for number, key in enumerate(keys) if key not in known]
    passing: dict[bytes, _Seen] = {}
    console = Console(stderr=True)
    columns = (TextColumn("reading pictures"), BarColumn(30), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        with Progress(
            *columns, console=console, disable=len(todo) < _LONG or not console.is_terminal, transient=True
        ) as progress:
            unsaved = 0
            for number in progress.track(todo, total=len(todo)):
                seen, lasts = _read(files[number])
                (known if lasts else passing)[keys[number]] = seen
                unsaved += 1
                if unsaved >= max(_SAVE_EVERY, len(known) // 4):
                    _keep(slot, known)
                    unsaved = 0
    finally:
        if todo and known:
            _keep(slot, known if len(known) <= 2 * len(files) else {key: known[key] for key in keys if key in known})
    images = np.zeros((len(files), 28, 28), np.uint8)
    faults, pages = [], []
    for number, key in enumerate(keys):
        images[number], fault, count = passing.get(key) or known[key]
        faults.append(fault)
        pages.append(count)
    return images, faults, pages


_NOTHING = np.zeros((28, 28), np.uint8)


def _read(file: File) -> tuple[_Seen, bool]:
    """What is seen in a file, and whether that is so as long as the file stays the same."""
    try:
        image, pages = normalized(file)
        return (image, "", pages), True
    except GlyphfrontError as error:
        return (_NOTHING, str(error), 1), not isinstance(error, _PassingError)


def _key(file: File) -> bytes:
    text = f"{file.at}\0{file.member}\0{file.size}\0{file.stamp}".encode(errors="surrogateescape")
    return hashlib.blake2b(text + _recipe(), digest_size=_KEY).digest()


@once
def _recipe() -> bytes:
    """Changes with the code that normalises and with the library that reads pictures."""
    import glyphfront

    root = Path(glyphfront.__file__).parent
    sources = [*sorted((root / "picture").glob("*.py")), Path(__file__)]
    code = b"".join(path.read_bytes() for path in sources)
    return hashlib.sha256(code + version("pillow").encode()).digest()


def _known(slot: str) -> dict[bytes, _Seen]:
    kept = cache.load(slot)
    if kept is None or not {"keys", "images", "faults", "pages"} <= kept.keys():
        return {}
    keys, images, faults, pages = kept["keys"].tobytes(), kept["images"], kept["faults"], kept["pages"].tolist()
    return {keys[_KEY * n : _KEY * (n + 1)]: (images[n], str(faults[n]), pages[n]) for n in range(len(images))}


def _keep(slot: str, known: dict[bytes, _Seen]) -> None:
    arrays: dict[str, NDArray[Any]] = {
        "keys": np.frombuffer(b"".join(known), np.uint8),
        "images": np.array([image for image, _, _ in known.values()]),
        "faults": np.array([fault for _, fault, _ in known.values()], dtype=str),
        "pages": np.array([pages for _, _, pages in known.values()], np.int32),
    }
    cache.keep(slot, arrays)
