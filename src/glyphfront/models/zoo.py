"""Models of timm and torchvision with our channel and class counts.

Nothing is ever downloaded: pretrained weights come only from a local file. Images are resized to 32x32 unless
`input_size` says otherwise: these nets halve their maps about five times, and many want more than that.
"""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from glyphfront.errors import GlyphfrontError
from glyphfront.models.blocks import activation, check_dropout


def timm_model(
    name: str,
    *,
    classes: int,
    in_channels: int = 1,
    input_size: int = 32,
    act: str | None = None,
    dropout: float = 0.0,
    weights: str | None = None,
) -> nn.Module:
    """A model of timm (https://github.com/huggingface/pytorch-image-models), by its name there.

    The net takes (N, in_channels, input_size, input_size) float32 and returns (N, classes) logits.

    Args:
        name: as in ``timm.list_models()``.
        classes: outputs.
        in_channels: of the images.
        input_size: side of the images in pixels.
        act: activation, one of `glyphfront.models.blocks.ACTS`, where the model lets it be chosen (timm's
            ``act_layer``); by default the model's own.
        dropout: rate, where the model has it (timm's ``drop_rate``: before the classifier).
        weights: see `load_weights`.

    Raises:
        GlyphfrontError: timm is missing or has no such model, the model does not take such images, or the weights
            cannot be read.
    """
    try:
        import timm
    except ImportError:
        raise GlyphfrontError(f"timm:{name} needs timm; pip install 'glyphfront[train]'") from None
    if not timm.is_model(name):
        raise _unknown("timm", name, timm.list_models())
    config = timm.get_pretrained_cfg(name)
    options: dict[str, Any] = {"img_size": input_size} if config is not None and config.fixed_input_size else {}
    if act is not None:
        options["act_layer"] = _act_layer(act)
    try:
        net: nn.Module = timm.create_model(
            name,
            pretrained=False,
            num_classes=classes,
            in_chans=in_channels,
            drop_rate=check_dropout(dropout),
            **options,
        )
    except Exception as error:  # whatever the model's own constructor raises
        raise _refused(f"timm:{name}", input_size, error) from None
    return _finished(f"timm:{name}", net, classes, in_channels, input_size, weights)


def torchvision_model(
    name: str, *, classes: int, in_channels: int = 1, input_size: int = 32, weights: str | None = None
) -> nn.Module:
    """A classification model of torchvision, by its name there.

    The net takes (N, in_channels, input_size, input_size) float32 and returns (N, classes) logits.

    Args:
        name: as in ``torchvision.models.list_models(module=torchvision.models)``.
        classes: outputs.
        in_channels: of the images; the first convolution is made anew when it is not 3.
        input_size: side of the images in pixels.
        weights: see `load_weights`.

    Raises:
        GlyphfrontError: torchvision is missing or has no such model, the model does not take such images, or the
            weights cannot be read.
    """
    try:
        import torchvision
    except ImportError:
        raise GlyphfrontError(f"torchvision:{name} needs torchvision; pip install 'glyphfront[train]'") from None
    known = torchvision.models.list_models(module=torchvision.models)
    if name not in known:
        raise _unknown("torchvision", name, known)
    options: dict[str, Any] = {}
    if name.startswith("vit_"):
        options["image_size"] = input_size
    if name == "maxvit_t":
        options["input_size"] = (input_size, input_size)
    if name in ("googlenet", "inception_v3"):  # their auxiliary classifiers would make training return a tuple
        options |= {"aux_logits": False, "init_weights": True}
    try:
        net: nn.Module = torchvision.models.get_model(name, weights=None, num_classes=classes, **options)
    except Exception as error:  # whatever the model's own constructor raises
        raise _refused(f"torchvision:{name}", input_size, error) from None
    if in_channels != 3:
        _replace_first_convolution(net, in_channels)
    return _finished(f"torchvision:{name}", net, classes, in_channels, input_size, weights)


def load_weights(net: nn.Module, path: str) -> None:
    """Copy into `net` every tensor of a weights file whose name and shape fit.

    What does not fit, such as the classifier of another class count or the first convolution of another channel
    count, keeps its initial value and is named in a warning.

    Args:
        net: changed in place.
        path: a .safetensors file, or one that `torch.load(weights_only=True)` reads: a state dict, or a dict that
            holds one under "state_dict" or "model".

    Raises:
        GlyphfrontError: the file is missing, cannot be read, or nothing in it fits.
    """
    given = _read_tensors(Path(path))
    own = net.state_dict()
    fitting = {k: v for k, v in given.items() if k in own and own[k].shape == v.shape}
    if not any(name in fitting for name, _ in net.named_parameters()):
        raise GlyphfrontError(f"{path}: no tensor fits this model; take the weights of the same model")
    net.load_state_dict(fitting, strict=False)
    left = [name for name in own if name not in fitting and not name.endswith("num_batches_tracked")]
    if left:
        warnings.warn(
            f"{path}: {len(left)} tensors missing or of another shape keep their initial values: {', '.join(left)}",
            stacklevel=2,
        )


def _read_tensors(path: Path) -> Mapping[str, Tensor]:
    if not path.is_file():
        raise GlyphfrontError(f"{path}: no such weights file; pretrained weights are read from local files only")
    try:
        if path.suffix == ".safetensors":
            content: Any = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # each format has exceptions of its own
        raise GlyphfrontError(f"{path}: not a safe weights file: {_first_line(error)}") from None
    for key in ("state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping):
        raise GlyphfrontError(f"{path}: holds no state dict")
    return {str(k): v for k, v in content.items() if isinstance(v, Tensor)}


def _act_layer(name: str) -> Callable[..., nn.Module]:
    """A class as timm wants it: called with inplace or nothing."""
    activation(name)  # refuses an unknown name
    return lambda inplace=False: activation(name)


def _replace_first_convolution(net: nn.Module, in_channels: int) -> None:
    name, old = next((n, m) for n, m in net.named_modules() if isinstance(m, nn.Conv2d))
    parent, _, attribute = name.rpartition(".")
    new = nn.Conv2d(
        in_channels,
        old.out_channels,
        old.kernel_size,  # type: ignore[arg-type]
        old.stride,  # type: ignore[arg-type]
        old.padding,  # type: ignore[arg-type]
        bias=old.bias is not None,
    )
    setattr(net.get_submodule(parent), attribute, new)


def _finished(
    name: str, net: nn.Module, classes: int, in_channels: int, input_size: int, weights: str | None
) -> nn.Module:
    """The net with its weights, tried on one empty image."""
    net.eval()
    try:
        with torch.no_grad():
            logits = net(torch.zeros(1, in_channels, input_size, input_size))
    except Exception as error:  # whatever the model's own forward raises
        raise _refused(name, input_size, error) from None
    if not isinstance(logits, Tensor) or logits.shape != (1, classes):
        raise GlyphfrontError(f"{name} is no image classifier: it does not return one logit a class")
    if weights is not None:
        load_weights(net, weights)
    return net.train()


def _refused(name: str, input_size: int, error: Exception) -> GlyphfrontError:
    return GlyphfrontError(
        f"{name} cannot take {input_size}x{input_size} images ({_first_line(error)}); try input_size 64 or more"
    )


def _unknown(library: str, name: str, known: Iterable[str]) -> GlyphfrontError:
    close = difflib.get_close_matches(name, known)
    hint = f"did you mean {', '.join(close)}?" if close else f"see the model list in {library}'s documentation"
    return GlyphfrontError(f"{library} has no model {name!r}; {hint}")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
