"""Nets that a user would take from elsewhere, beside ours, on the same images."""

from __future__ import annotations

from dataclasses import replace

from glyphfront.run import Model
from glyphfront.studies.quick import for_data
from glyphfront.study import Study

# Nets made for photographs halve their maps five times, and need larger ones to begin with.
_PEERS = {
    "mobilenetv3_small_050": Model("timm:mobilenetv3_small_050", input_size=64),
    "shufflenet_v2_x0_5": Model("torchvision:shufflenet_v2_x0_5", input_size=64),
    "mobileone_s0": Model("timm:mobileone_s0", input_size=64),
    "repvgg_a0": Model("timm:repvgg_a0", input_size=32),
    "resnet20": Model("resnet20"),
    "spinal_vgg5": Model("spinal_vgg5"),
    "cnn3": Model("cnn3"),
}

# Their depthwise convolutions take twice as long in bfloat16 on a CPU.
_DEPTHWISE = {"mobilenetv3_small_050", "shufflenet_v2_x0_5", "mobileone_s0"}


def peers(data: str = "balanced") -> Study:
    """Seven nets and four glyphnets, each trained for as many images: two passes, as some of them are slow to train."""
    base = replace(for_data(data), epochs=2, precision="bf16")
    sizes = ("glyphnet-xs", "glyphnet-s", "glyphnet-m", "glyphnet-l")
    ours = {name: replace(base, label=name, model=Model(name)) for name in sizes}
    # rates as for the DenseNet of `quick`: these nets are deeper than ours, or have no batch norm
    slower = {name: replace(base.optimizer, lr=0.05 if name == "cnn3" else 0.2) for name in _PEERS}
    others = {
        name: replace(
            base,
            label=name,
            model=model,
            optimizer=slower[name],
            precision=None if name in _DEPTHWISE else "bf16",
        )
        for name, model in _PEERS.items()
    }
    return Study(
        question="Is a net from elsewhere better for its time, when all see the same images equally often?",
        name="peers",
        rows={**ours, **others},
        precisions=("fp32", "int8"),
        baseline="glyphnet-m",
        expected="no peer on the front; the VGG-5 as accurate, in many times the time",
        cost="50 minutes on one core; mobileone_s0, with four branches in training, another hour or more (reckoned)",
    )
