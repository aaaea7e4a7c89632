"""From a file, bytes, a data URL, a Pillow image or an array to upright 8-bit pixels."""

from __future__ import annotations

import base64
import binascii
import ctypes
import functools
import io
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from glyphfront.errors import GlyphfrontError

Pixels: TypeAlias = NDArray[np.uint8]
"""(H, W) gray, (H, W, 2) gray and alpha, (H, W, 3) RGB or (H, W, 4) RGB and alpha; uint8."""
Gray: TypeAlias = NDArray[np.uint8]
"""(H, W) uint8."""
Mask: TypeAlias = NDArray[np.uint8]
"""(H, W) uint8, 1 inside and 0 outside."""
Box: TypeAlias = tuple[int, int, int, int]
"""left, top, right, bottom, in pixels; right and bottom are the first ones outside."""
Picture: TypeAlias = "str | os.PathLike[str] | bytes | BinaryIO | Image.Image | NDArray[Any]"
"""What a picture may be given as: a path, a data URL, a file's bytes, an open file, a Pillow image, an array."""

SUFFIXES = frozenset(
    f".{ending}"
    for group in ("avif bmp dib gif ico j2k jfif jp2 jpe jpeg jpg", "mpo pbm pcx pgm png pnm ppm tga tif tiff webp")
    for ending in group.split()
)
"""Endings of the files that count as the pictures of a folder."""
_TOLD = frozenset((".heic", ".heif", ".pdf", ".svg"))

MOST_PIXELS = 300_000_000
"""Larger pictures are refused: decoded, a gray one takes a byte a pixel, a coloured one three."""

_STRIP = 1 << 20  # so many numbers of more than 8 bits are worked on at a time, as floats take four times the room
_ORIENTATION = 0x0112  # EXIF's tag
_opening = threading.Lock()
warnings.filterwarnings("ignore", module=r"PIL\.")  # damage that matters is raised, and told in one line


def pages(picture: Picture) -> Iterator[Pixels]:
    """The pages of a picture: several for a TIFF or GIF that holds several, else one.

    An EXIF orientation is heeded. 8-bit pixels are taken as they are, all others span the range that occurs.

    Args:
        picture: see `Picture`; an array is (H, W), (H, W, 1), (H, W, 2) with alpha, (H, W, 3) or (H, W, 4) with
            alpha, of bool, integers or floats.

    Raises:
        GlyphfrontError: there is no such file, it is no picture that can be read, it is damaged, or the array or
            object is no picture. The message is one line, and names the file.
    """
    if isinstance(picture, Image.Image):
        yield _pixels_of_open(picture)
    elif isinstance(picture, np.ndarray):
        yield pixels_of_array(picture)
    elif isinstance(picture, str | os.PathLike | bytes | bytearray | memoryview) or hasattr(picture, "read"):
        yield from _pages_of_file(picture)
    else:
        kind = "None" if picture is None else f"an object of type {type(picture).__name__}"
        raise GlyphfrontError(f"{kind} is no picture; give a path, bytes, an open file, a Pillow image or an array")


def read(picture: Picture) -> Pixels:
    """The first page of a picture; arguments and errors as in `pages`."""
    return next(pages(picture))


def pictures_in(folder: Path) -> list[Path]:
    """The pictures that lie in a folder, by name, and what people take for one though it cannot be read.

    So a photo in HEIC is told where it is read. Hidden files and other kinds of files are passed over.

    Raises:
        GlyphfrontError: there are none, or the folder cannot be read.
    """
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise GlyphfrontError(f"{folder}: cannot be read ({error.strerror})") from None
    kinds = SUFFIXES | _TOLD
    found = [f for f in entries if f.suffix.lower() in kinds and not f.name.startswith(".") and f.is_file()]
    if not found:
        raise GlyphfrontError(f"{folder}: no pictures in this folder; give a folder that holds PNG, JPEG or TIFF files")
    return found


def shortened(name: str, most: int = 120) -> str:
    """`name` on one line, its middle left out where it is longer than `most` characters."""
    line = " ".join(name.split()) if "\n" in name else name
    line = line.encode("utf-8", "backslashreplace").decode()  # names of files may hold bytes that are no text
    return line if len(line) <= most else f"{line[: most // 2]}…{line[-most // 4 :]}"


def pixels_of_array(array: NDArray[Any]) -> Pixels:
    """An array as `Pixels`; errors as in `pages`."""
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (2, 3, 4))) or array.dtype.kind not in "buif":
        raise GlyphfrontError(f"a picture is (H, W) or (H, W, 1 to 4) of numbers, got {array.shape} {array.dtype}")
    if 0 in array.shape[:2]:
        raise GlyphfrontError(f"a picture of {array.shape[1]}x{array.shape[0]} pixels holds no character")
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype == np.uint8:
        return array
    found = np.empty(array.shape, np.uint8)
    colours = 3 if array.ndim == 3 and array.shape[2] > 2 else 1
    if array.ndim == 2:
        _spread_over_8_bits(array, found)
        return found
    _spread_over_8_bits(array[:, :, :colours], found[:, :, :colours])
    if array.shape[2] in (2, 4):
        _spread_over_8_bits(array[:, :, -1:], found[:, :, -1:], from_zero=True)
    return found


def _spread_over_8_bits(array: NDArray[Any], found: Pixels, *, from_zero: bool = False) -> None:
    """Scale numbers so that what occurs, or 0 to the largest, becomes 0 to 255, and write them into `found`."""
    rows = max(_STRIP // (array.size // len(array)), 1)

    def strips() -> Iterator[tuple[slice, NDArray[Any]]]:
        for top in range(0, len(array), rows):
            part = slice(top, top + rows)
            yield part, array[part].astype(np.float64 if array.dtype.itemsize > 4 else np.float32)

    if not all(np.isfinite(strip).all() for _, strip in strips()):
        raise GlyphfrontError("the picture holds values that are not finite; replace them with the paper's value")
    # first, since the difference of two numbers may be too large for one
    most = 1 if from_zero else max(np.abs(strip).max() for _, strip in strips()) or 1
    least = 0 if from_zero else min((strip / most).min() for _, strip in strips())
    step = (max((strip / most - least).max() for _, strip in strips()) or 1) / 255
    for part, strip in strips():
        found[part] = np.rint((strip / most - least) / step)


def pixels_of_image(image: Image.Image) -> Pixels:
    """A Pillow image of any mode as `Pixels`, as it is stored, whatever its EXIF orientation."""
    if 0 in image.size:
        raise GlyphfrontError(f"a picture of {image.width}x{image.height} pixels holds no character")
    if image.mode[0] in "IF":
        return pixels_of_array(np.asarray(image))
    if image.mode not in ("L", "LA", "RGB", "RGBA") or "transparency" in image.info:
        if image.has_transparency_data:
            image = image.convert("LA" if image.mode == "La" else "RGBA")
        else:
            image = image.convert("L" if image.mode == "1" else "RGB")
    return np.asarray(image)


def _upright(pixels: Pixels, image: Image.Image) -> Pixels:
    orientation = image.getexif().get(_ORIENTATION, 1)
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


def _pixels_of_open(image: Image.Image) -> Pixels:
    """Of an image that somebody else opened: it may be closed, or its file damaged."""
    path = getattr(image, "filename", "")
    try:
        if path:  # see `_pages_of_file`
            image.filename = ""  # type: ignore[attr-defined]
        return _upright(pixels_of_image(image), image)
    except GlyphfrontError:
        raise
    except Exception as error:  # as in `_pages_of_file`
        raise GlyphfrontError(f"the Pillow image cannot be read ({_reason(error)}); open it again") from None
    finally:
        if path:
            image.filename = path  # type: ignore[attr-defined]


def _reason(error: Exception) -> str:
    return shortened(" ".join(str(error).split()), 200) or type(error).__name__


def _pages_of_file(picture: str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO) -> Iterator[Pixels]:
    name, source = _source(picture)
    try:
        with ExitStack() as opened:
            # given a path, Pillow maps uncompressed TIFFs, and garbles those that are turned
            file = opened.enter_context(source.open("rb")) if isinstance(source, Path) else source
            image = opened.enter_context(open_image(file))
            for number in range(getattr(image, "n_frames", 1) if has_pages(image) else 1):
                image.seek(number)
                _check_size(image)
                yield _upright(pixels_of_image(image), image)
    except FileNotFoundError:
        raise GlyphfrontError(f"{name}: no such file") from None
    except IsADirectoryError:
        raise GlyphfrontError(f"{name}: a folder; give the pictures in it") from None
    except UnidentifiedImageError:
        raise GlyphfrontError(f"{name}: {_what_it_is(source)}") from None
    except GlyphfrontError as error:
        raise GlyphfrontError(f"{name}: {error}") from None
    except Exception as error:  # damaged files raise nearly anything in Pillow's readers
        if isinstance(error, OSError) and error.strerror and error.filename:
            raise GlyphfrontError(f"{name}: cannot be read ({error.strerror})") from None
        raise GlyphfrontError(f"{name}: not readable as a picture ({_reason(error)})") from None


def _source(
    picture: str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO,
) -> tuple[str, Path | io.BytesIO]:
    """A name for messages, and what Pillow opens."""
    if isinstance(picture, str) and picture.lstrip()[:5].lower() == "data:":
        return "the data URL", io.BytesIO(_bytes_of_url(picture.strip()))
    if picture == "":
        raise GlyphfrontError("an empty name is no picture; give the path of a file")
    if isinstance(picture, str | os.PathLike):
        return shortened(os.fspath(picture)), Path(picture)
    if isinstance(picture, bytes | bytearray | memoryview):
        return "the picture", io.BytesIO(bytes(picture))
    try:
        content = picture.read()
    except (OSError, ValueError, TypeError) as error:  # closed, open for writing alone, or no file at all
        raise GlyphfrontError(f"the open file cannot be read ({_reason(error)}); open it with mode 'rb'") from None
    name = getattr(picture, "name", None)
    if not isinstance(content, bytes):
        raise GlyphfrontError("the open file gives text, not bytes; open it with mode 'rb'")
    told = shortened(name) if isinstance(name, str) else "the picture"
    if not content and _position(picture):
        raise GlyphfrontError(f"{told}: read to its end already; rewind it with seek(0), or give it once")
    return told, io.BytesIO(content)


def _position(file: BinaryIO) -> int:
    """Bytes that lie before the next one to be read; 0 of what has no place, such as a pipe."""
    try:
        return file.tell()
    except (AttributeError, OSError, ValueError):
        return 0


def _bytes_of_url(url: str) -> bytes:
    from urllib.parse import unquote_to_bytes

    head, comma, body = url.partition(",")
    if not comma:
        raise GlyphfrontError("the data URL has no comma before its data; give it as data:image/png;base64,...")
    raw = unquote_to_bytes(body)
    if not head.lower().endswith(";base64"):
        return raw
    try:
        return base64.b64decode(b"".join(raw.split()) + b"=" * (-len(raw) % 4), validate=True)
    except binascii.Error as error:
        raise GlyphfrontError(f"the data URL is not base64 ({error}); copy all of it") from None


def open_image(source: BinaryIO) -> Image.Image:
    """Open without reading pixels.

    Pillow's limit of pixels does not count, for which `_check_size` stands, and libtiff prints no messages of its own.
    """
    with _opening:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            image = Image.open(source)
        finally:
            Image.MAX_IMAGE_PIXELS = limit
    if image.format == "TIFF":
        _silence_libtiff()
    return image


def _check_size(image: Image.Image) -> None:
    if image.width * image.height > MOST_PIXELS:
        raise GlyphfrontError(
            f"{image.width}x{image.height} pixels are more than can be read ({MOST_PIXELS // 10**6} million); "
            "save it smaller"
        )


def has_pages(image: Image.Image) -> bool:
    """Whether there is more than one page, as in a TIFF or GIF.

    What other formats hold beside the first image is a moving or smaller version of it.
    """
    return image.format in ("TIFF", "GIF") and bool(getattr(image, "is_animated", False))


@functools.cache
def _silence_libtiff() -> None:
    """Take the error and warning handlers out of Pillow's own libtiff, which writes to stderr past Python."""
    for folder in ("pillow.libs", "PIL/.dylibs"):
        for library in (Path(PIL.__file__).parent.parent / folder).glob("libtiff*"):
            for handler in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
                try:
                    getattr(ctypes.CDLL(str(library)), handler)(None)
                except (OSError, AttributeError):  # another build of Pillow: its messages stay
                    return


_MARKS = (
    (b"%PDF", "a PDF; save its page as PNG, for example with pdftoppm -png -r 200"),
    (b"%!PS", "PostScript; save its page as PNG"),
    (b"PK\x03\x04", "a ZIP or Office file; give the pictures in it"),
    (b"Rar!", "a RAR file; give the pictures in it"),
    (b"\x1f\x8b", "a gzip file; unpack it first"),
    (b"AT&T", "DjVu; save its page as PNG"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself; run git lfs pull"),
)


def _what_it_is(source: Path | io.BytesIO) -> str:
    """What a file is that Pillow does not know, and what to do."""
    try:
        head = source.getvalue()[:1024] if isinstance(source, io.BytesIO) else _head(source)
    except OSError:
        head = b""
    if not head:
        return "an empty file; save or download it again"
    if head[4:8] == b"ftyp":
        brands = head[8:32]
        if any(brand in brands for brand in (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")):
            return "a HEIC picture, which is not read; save it as JPEG (iPhone: Settings, Camera, Most Compatible)"
        return "a video or another file of its kind, not a picture; give a PNG, JPEG, BMP or TIFF"
    for mark, what in _MARKS:
        if head.startswith(mark):
            return what
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in text:
        return "an SVG drawing, which is not read; save it as PNG, for example with rsvg-convert"
    if text.startswith((b"<!doctype", b"<html", b"<head")):
        return "a web page, not a picture; download the picture itself"
    return "not a readable picture; give a PNG, JPEG, BMP or TIFF"


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(1024)
