"""The page as a folder of files that recognises inside the browser, for any web host."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from glyphfront.errors import GlyphfrontError
from glyphfront.files import write_text
from glyphfront.serve.app import PAGE
from glyphfront.serve.catalogue import describe, files_of, latency_us
from glyphfront.ship.alphabet import ALL, MEANT, NAMED, outputs_of
from glyphfront.ship.card import load_card
from glyphfront.ship.recognizer import load

PACKAGE = "onnxruntime-web@1.30.0"
INTEGRITY = "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
"""Of the package that the page was tested with; another is refused."""
FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
"""Of the package's folder dist: what a page needs to compute on the CPU."""
_ONLY_SERVICE = ("remote.js",)
_ONLY_ITSELF = (
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'self'; script-src 'self' "
    "'wasm-unsafe-eval'; img-src 'self' data: blob:; base-uri 'none'\">"
)
"""The page may ask nobody but its own host."""


def write_static(out: Path, models: Sequence[str]) -> Path:
    """Write the page, the models and ONNX Runtime's web package.

    Args:
        out: folder, made where it is missing; files of the same names are written again.
        models: shipped names or paths, the default first.

    Returns:
        The page's path.

    Raises:
        GlyphfrontError: a model cannot be loaded, npm is missing, or the package cannot be had.
    """
    described: list[dict[str, object]] = []
    out.mkdir(parents=True, exist_ok=True)
    if not all((out / "ort" / name).is_file() for name in FILES):
        _fetch_runtime(out / "ort")
    (out / "models").mkdir(exist_ok=True)
    for path in sorted(files_of(models), key=lambda path: path.stem.endswith(".int8")):
        card = load_card(path)
        file = f"models/{card.name}{'.int8' if card.precision == 'int8' else ''}.onnx"
        if any(one["file"] == file for one in described):
            raise GlyphfrontError(f"{path}: a second model called {card.name} in {card.precision}; give one of them")
        shutil.copyfile(path, out / file)
        told = describe(card, latency_us(load(path).session))
        where = "in ONNX Runtime where this page was made"
        written = {"outputs": outputs_of(card.classes), "temperature": card.temperature}
        described.append({**told, **written, "latency_where": where, "file": file})
    alphabets = {"named": NAMED, "meant": MEANT, "all": sorted(ALL)}
    write_text(out / "models.json", json.dumps({"schema": 1, "models": described, "alphabets": alphabets}))
    for part in sorted(PAGE.iterdir()):
        if part.name not in _ONLY_SERVICE:
            shutil.copyfile(part, out / part.name)
    page = (PAGE / "index.html").read_text(encoding="utf-8")
    page = page.replace('name="recognizer" content="service"', 'name="recognizer" content="static"')
    page = page.replace('<meta charset="utf-8">', f'<meta charset="utf-8">\n{_ONLY_ITSELF}', 1)
    write_text(out / "index.html", page)
    return out / "index.html"


def _fetch_runtime(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise GlyphfrontError("--static takes ONNX Runtime's web package with npm, which is missing; install Node.js")
    with tempfile.TemporaryDirectory() as scratch:
        command = [npm, "pack", PACKAGE, "--json", "--pack-destination", scratch]
        try:
            made = subprocess.run(command, capture_output=True, text=True, cwd=scratch, timeout=300, check=False)
        except subprocess.TimeoutExpired:
            raise GlyphfrontError(f"npm did not fetch {PACKAGE} within 5 minutes; try again") from None
        if made.returncode:
            reason = next((line for line in made.stderr.splitlines() if line.strip()), "no reason given")
            raise GlyphfrontError(f"npm cannot fetch {PACKAGE} ({reason.strip()[:160]}); check the network")
        told = json.loads(made.stdout)[0]
        packed = Path(scratch) / told["filename"]
        digest = base64.b64encode(hashlib.sha512(packed.read_bytes()).digest()).decode()
        if f"sha512-{digest}" != INTEGRITY:
            raise GlyphfrontError(f"npm gave another {PACKAGE} than the one that was tested; check its registry")
        folder.mkdir(parents=True, exist_ok=True)
        with tarfile.open(packed) as archive:
            for name in FILES:
                member = archive.extractfile(f"package/dist/{name}")
                assert member is not None
                (folder / name).write_bytes(member.read())
