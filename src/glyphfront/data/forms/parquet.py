"""Parquet as the Hugging Face hub stores pictures: a struct of bytes and path, and a label."""

from __future__ import annotations

import io
import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from glyphfront.data.forms.piece import Piece, What, check_bytes
from glyphfront.data.forms.pixels import as_uint8, numbered, square
from glyphfront.data.listing import File
from glyphfront.data.notes import some
from glyphfront.errors import GlyphfrontError

if TYPE_CHECKING:
    from PIL import Image

_LEAST_PIXELS = 64
_LABELS = {"label", "labels", "y", "target", "targets", "class", "character"}


def read_parquet(file: File, what: What | None) -> list[Piece]:
    """A column of pictures, as encoded files or as pixels, and one of labels, with the names of the classes.

    Raises:
        GlyphfrontError: pyarrow is not installed, or the file is damaged, or has no such columns.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise GlyphfrontError(f"{file}: reading parquet needs pyarrow: pip install 'glyphfront[files]'") from None

    check_bytes(file)
    try:
        source = pq.ParquetFile(str(file.at) if file.member is None else pa.BufferReader(file.read()))
        schema = source.schema_arrow
        pixels, label = _parquet_columns(file, schema)
        names = _label_names(json.loads((schema.metadata or {}).get(b"huggingface", b"{}")), label)
        blocks: list[NDArray[Any]] = []
        labels: list[NDArray[Any]] = []
        for batch in source.iter_batches(1024, columns=[*pixels, label], use_threads=False):
            if len(pixels) == 1:
                found = [_pixels(content) for content in batch.column(pixels[0]).to_pylist()]
                sizes = {one.shape for one in [*found, *(block[0] for block in blocks[:1])]}
                if len(sizes) > 1:
                    raise GlyphfrontError(f"{file}: pictures of several sizes, {some([str(one) for one in sizes])}")
                blocks.append(np.stack(found))
            else:
                table = np.stack([batch.column(name).to_numpy(zero_copy_only=False) for name in pixels], axis=1)
                blocks.append(square(table, math.isqrt(len(pixels))))
            labels.append(np.asarray(batch.column(label).to_pylist()))
    except GlyphfrontError:
        raise
    except Exception as error:  # pyarrow and Pillow raise many types for damaged files
        raise GlyphfrontError(
            f"{file}: not a readable parquet file ({' '.join(str(error).split())[:120]}); get it again"
        ) from None
    if not blocks:
        raise GlyphfrontError(f"{file}: holds no rows")
    if any(one.dtype == object for one in labels):
        raise GlyphfrontError(f"{file}: a row has no label")
    if len(pixels) == 1:
        blocks = [_with_paper(np.concatenate(blocks))]
    numbers, texts = numbered(np.concatenate(labels))
    return [Piece(as_uint8(file, blocks), numbers, texts or names)]


def _pixels(content: Any) -> NDArray[Any]:
    """(H, W) of a picture's bytes, of bytes that are pixels themselves, or of a list of numbers."""
    from PIL import Image, UnidentifiedImageError

    data = content.get("bytes") if isinstance(content, dict) else content
    if data is None:
        raise ValueError("a row has no picture")
    if not isinstance(data, bytes):
        found = np.asarray(data)
    else:
        try:
            with Image.open(io.BytesIO(data)) as picture:
                return _gray(picture)
        except UnidentifiedImageError:
            if math.isqrt(len(data)) ** 2 != len(data):
                raise
            found = np.frombuffer(data, np.uint8)
    found = found.astype(np.float32 if found.dtype.kind == "f" else np.int16)
    return found.reshape(math.isqrt(found.size), -1)


def _gray(picture: Image.Image) -> NDArray[np.uint8]:
    """(H, W), as a picture of a folder is read: what is transparent is paper, and 16 bits are scaled to 8."""
    from glyphfront.picture.ink import gray_of
    from glyphfront.picture.read import pixels_of_image

    if picture.mode in ("1", "L") and "transparency" not in picture.info:
        return np.asarray(picture.convert("L"))
    pixels = pixels_of_image(picture)
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4) and not pixels[:, :, -1].any():
        return np.zeros(pixels.shape[:2], np.uint8)  # nothing was drawn
    return gray_of(pixels)


def _with_paper(images: NDArray[Any]) -> NDArray[Any]:
    """Images of one tone get the tone of the others' paper, along their rims: on them nothing was drawn."""
    flat = images.reshape(len(images), -1)
    blank = flat.min(axis=1) == flat.max(axis=1)
    if not blank.any() or blank.all():
        return images
    drawn = images[~blank]
    rims = np.concatenate([drawn[:, 0], drawn[:, -1], drawn[:, :, 0], drawn[:, :, -1]], axis=1)
    images[blank] = np.median(rims)
    return images


def _parquet_columns(file: File, schema: Any) -> tuple[list[str], str]:
    """The columns of the picture, or of its pixels, and that of the label."""
    import pyarrow as pa

    def holds_picture(kind: Any) -> bool:
        inner = pa.types.is_struct(kind) and any(kind.field(i).name == "bytes" for i in range(kind.num_fields))
        plain = ("binary", "large_binary", "fixed_size_binary", "list", "large_list", "fixed_size_list")
        return bool(inner or any(getattr(pa.types, f"is_{name}")(kind) for name in plain))

    image = next((field.name for field in schema if holds_picture(field.type)), None)
    others = [field.name for field in schema if field.name != image]
    known = [name for name in others if name.lower() in _LABELS]
    plain = [name for name in others if pa.types.is_integer(schema.field(name).type)]
    label = next(iter(known + plain), None)
    if image is None and label is not None:
        table = [
            f.name for f in schema if f.name != label and (pa.types.is_integer(f.type) or pa.types.is_floating(f.type))
        ]
        if len(table) >= _LEAST_PIXELS and math.isqrt(len(table)) ** 2 == len(table):
            return table, label
    if image is None or label is None:
        raise GlyphfrontError(f"{file}: no column of pictures and one of labels among {some(schema.names)}")
    return [image], label


def _label_names(hub: dict[str, Any], label: str) -> tuple[str, ...] | None:
    names = hub.get("info", {}).get("features", {}).get(label, {}).get("names")
    return tuple(map(str, names)) if names else None
