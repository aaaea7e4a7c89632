"""What an ONNX file computes, its weights apart; needs onnx, not torch."""

from __future__ import annotations

import hashlib
from pathlib import Path

import onnx

from glyphfront.errors import GlyphfrontError

_FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16, onnx.TensorProto.DOUBLE)
_QUANTISERS = ("QuantizeLinear", "DequantizeLinear")


def graph_fingerprint(path: Path) -> str:
    """12 hex digits of what an ONNX file computes, the values of its weights apart.

    Files that share it do the same on other weights, so they take the same time. Names do not count, nor does whether
    the exporter stored equal weights once or twice, as it does with the biases of a net that was never trained. Weights
    are tensors of floats, and all that is quantised; other whole numbers may be shapes and axes, so their values count.

    Raises:
        GlyphfrontError: the file is missing or is no ONNX file.
    """
    try:
        graph = onnx.load(path).graph
    except FileNotFoundError:
        raise GlyphfrontError(f"{path}: no such file; give the path of an .onnx file") from None
    except Exception as error:  # of protobuf, which gives its exceptions no base class of their own
        raise GlyphfrontError(
            f"{path}: not a readable ONNX file ({' '.join(str(error).split())}); export it again"
        ) from None
    quantised = {name for node in graph.node if node.op_type in _QUANTISERS for name in node.input}
    known = {"": b"absent"}  # digest of each value: of what is computed to get it
    known |= {value.name: value.type.SerializeToString() for value in graph.input}
    known |= {tensor.name: _constant(tensor, tensor.name in quantised) for tensor in graph.initializer}
    for node in graph.node:  # sorted, as ONNX requires: what a node takes comes before it
        if node.op_type == "Identity":
            known[node.output[0]] = known[node.input[0]]
        elif node.op_type == "Constant" and node.attribute[0].HasField("t"):
            known[node.output[0]] = _constant(node.attribute[0].t, node.output[0] in quantised)
        else:
            attributes = [a.SerializeToString(deterministic=True) for a in sorted(node.attribute, key=lambda a: a.name)]
            taken = [known[name] for name in node.input]
            for number, name in enumerate(node.output):
                known[name] = _digest(f"{node.domain}.{node.op_type}.{number}".encode(), *attributes, *taken)
    return hashlib.sha256(_digest(*(known[value.name] for value in graph.output))).hexdigest()[:12]


def _constant(tensor: onnx.TensorProto, quantised: bool) -> bytes:
    """Type and shape, and of what is no weight also the values."""
    is_weight = quantised or tensor.data_type in _FLOATS
    values = b"" if is_weight else onnx.numpy_helper.to_array(tensor).tobytes()
    return _digest(f"{tensor.data_type} {list(tensor.dims)}".encode(), values)


def _digest(*parts: bytes) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()
