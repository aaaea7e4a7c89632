"""Parquet as the Hugging Face hub stores pictures: a struct of bytes and path, and a label."""

from __future__ import annotations

import io
import json
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphfront.data.forms.piece import Piece, What, check_bytes
from glyphfront.data.forms.pixels import numbered
from glyphfront.data.listing import File
from glyphfront.errors import GlyphfrontError

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
    from PIL import Image

    check_bytes(file)
    try:
        source = pq.ParquetFile(str(file.at) if file.member is None else pa.BufferReader(file.read()))
        schema = source.schema_arrow
        image, label = _parquet_columns(file, schema)
        names = _label_names(json.loads((schema.metadata or {}).get(b"huggingface", b"{}")), label)
        images: NDArray[np.uint8] | None = None
        labels: list[NDArray[Any]] = []
        done, total = 0, source.metadata.num_rows
        for batch in source.iter_batches(1024, columns=[image, label], use_threads=False):
            for content in batch.column(0).to_pylist():
                data = content.get("bytes") if isinstance(content, dict) else content
                if isinstance(data, bytes):
                    with Image.open(io.BytesIO(data)) as picture:
                        pixels = np.asarray(picture.convert("L"))
                else:
                    pixels = np.asarray(data, np.uint8)
                    pixels = pixels.reshape(math.isqrt(pixels.size), -1)
                if images is None:
                    images = np.empty((total, *pixels.shape), np.uint8)
                images[done] = pixels
                done += 1
            labels.append(np.asarray(batch.column(1).to_pylist()))
    except GlyphfrontError:
        raise
    except Exception as error:  # pyarrow and Pillow raise many types for damaged files
        raise GlyphfrontError(
            f"{file}: not a readable parquet file ({' '.join(str(error).split())[:120]}); get it again"
        ) from None
    if images is None:
        raise GlyphfrontError(f"{file}: holds no rows")
    numbers, texts = numbered(np.concatenate(labels))
    return [Piece(images, numbers, texts or names)]


def _parquet_columns(file: File, schema: Any) -> tuple[str, str]:
    import pyarrow as pa

    def holds_picture(kind: Any) -> bool:
        inner = pa.types.is_struct(kind) and any(kind.field(i).name == "bytes" for i in range(kind.num_fields))
        return bool(inner or pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_list(kind))

    image = next((field.name for field in schema if holds_picture(field.type)), None)
    others = [field.name for field in schema if field.name != image]
    known = [name for name in others if name.lower() in _LABELS]
    plain = [name for name in others if pa.types.is_integer(schema.field(name).type)]
    label = next(iter(known + plain), None)
    if image is None or label is None:
        raise GlyphfrontError(f"{file}: no column of pictures and one of labels among {', '.join(schema.names)}")
    return image, label


def _label_names(hub: dict[str, Any], label: str) -> tuple[str, ...] | None:
    names = hub.get("info", {}).get("features", {}).get(label, {}).get("names")
    return tuple(map(str, names)) if names else None
