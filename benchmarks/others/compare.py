"""glyphfront beside Tesseract, RapidOCR and ddddocr on genuine pictures of one character, by source.

Usage: GLYPHFRONT_REAL=folder python benchmarks/others/compare.py [MODEL] [--most 200] [--fresh]

Each program lives in an environment of its own, benchmarks/others/.venv-PROGRAM, which the first call makes. Their
answers are kept in benchmarks/others/answers/, so that a call asks them only what they were not asked before, and
glyphfront everything; `--fresh` asks all everything. results/pictures/others.json
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "pictures"))

from common import Genuine, genuine, save  # noqa: E402

from glyphfront.errors import GlyphfrontError  # noqa: E402
from glyphfront.measure.accuracy import proportion  # noqa: E402
from glyphfront.measure.statistics import compare  # noqa: E402
from glyphfront.records import to_plain  # noqa: E402
from glyphfront.ship import DEFAULT  # noqa: E402
from glyphfront.ship.recognizer import find, load  # noqa: E402

SITE = "lib/python3.*/site-packages"
PROGRAMS = {  # name: its reader, its package, and the files of its networks, in its environment
    "tesseract": ("read_tesseract.py", "tesserocr", "/usr/share/tesseract-ocr/5/tessdata/eng.traineddata"),
    "rapidocr-v4": ("read_rapidocr.py", "rapidocr-onnxruntime", f"{SITE}/rapidocr_onnxruntime/models/*rec*.onnx"),
    "ddddocr": ("read_ddddocr.py", "ddddocr", f"{SITE}/ddddocr/common[._]o*"),
    "rapidocr": ("read_rapidocr.py", "rapidocr", f"{SITE}/rapidocr/models/*rec*.onnx"),
}
CONDITIONS = {"free": ("all", "letters+digits"), "known": ("digits", "letters")}  # alphabets that count for each
Answers = Mapping[str, Mapping[str, str]]  # usage, alphabet -> character


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default=DEFAULT)
    parser.add_argument("--most", type=int, default=200, help="pictures of a source; 0: all")
    parser.add_argument("--fresh", action="store_true", help="keep no answers of earlier calls")
    options = parser.parse_args()
    pictures = chosen(options.most)
    answers: dict[str, dict[Path, Answers]] = {}
    programs: dict[str, dict[str, object]] = {"glyphfront": {"network_bytes": Path(find(options.model)).stat().st_size}}
    for name, (reader, package, networks) in PROGRAMS.items():
        python = environment(name)
        files = [*Path("/").glob(str(python.parents[1] / networks)[1:])]
        if not files:
            sys.exit(f"{name}: there is no {networks}; Tesseract's is in Debian's package tesseract-ocr-eng")
        programs[name] = {
            "package": package,
            "version": version_of(python, package),
            "network_bytes": sum(file.stat().st_size for file in files),
        }
        answers[name] = asked(name, python, HERE / reader, pictures, options.fresh)
    answers["glyphfront"] = of_glyphfront(options.model, pictures)
    sources = {source: table(own, answers) for source, own in by_source(pictures).items()}
    show(sources)
    save(
        "others",
        {"model": options.model, "most": options.most, "programs": programs, "sources": sources},
        "genuine pictures of one character by source, at most so many of each, drawn with seed 0; the same for all; "
        "free: the better of all characters that the program knows and letters and digits; known: only digits, or only "
        "letters, allowed; every program has several usages, and at each source and condition the best of them counts, "
        "which favours it; without regard to case; 95 % Wilson intervals; difference: glyphfront less the program, "
        "paired, with 95 % interval and McNemar's p, uncorrected",
    )


def chosen(most: int) -> list[Genuine]:
    """At most `most` pictures of each source (0: all), the same ones at each call, sources mixed."""
    rng = random.Random(0)
    pictures = []
    for own in by_source([p for p in genuine() if p.source != "text"]).values():
        rng.shuffle(own)  # so that fewer are the beginning of more
        pictures += own[: most or None]
    rng.shuffle(pictures)  # a call that is stopped has answers of every source
    return pictures


def by_source(pictures: Sequence[Genuine]) -> dict[str, list[Genuine]]:
    sources: dict[str, list[Genuine]] = {}
    for picture in sorted(pictures, key=lambda p: (p.source, p.path)):
        sources.setdefault(picture.source, []).append(picture)
    return sources


def kind(picture: Genuine) -> str:
    return "digits" if picture.label.isdigit() else "letters"


def environment(name: str) -> Path:
    """The program's Python, installed when it is not there."""
    folder = HERE / f".venv-{name}"
    python = folder / "bin" / "python"
    if not (folder / "installed").exists():
        venv.create(folder, with_pip=True)
        wanted = HERE / "requirements" / f"{name}.txt"
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", wanted], check=True)
        (folder / "installed").touch()
    return python


def version_of(python: Path, package: str) -> str:
    code = f"from importlib.metadata import version; print(version({package!r}))"
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def asked(name: str, python: Path, reader: Path, pictures: Sequence[Genuine], fresh: bool) -> dict[Path, Answers]:
    """Every picture's answers; those of earlier calls are taken where the reader's code is the same."""
    code = b"".join((HERE / file).read_bytes() for file in (reader.name, "prepare.py", "reader.py"))
    wanted = (HERE / "requirements" / f"{name}.txt").read_bytes()
    file = HERE / "answers" / f"{name}-{hashlib.sha256(code + wanted).hexdigest()[:8]}.jsonl"
    file.parent.mkdir(exist_ok=True)
    if fresh:
        file.unlink(missing_ok=True)
    there = kept(file)
    missing = [p for p in pictures if p.path not in there]
    questions = "".join(json.dumps({"path": str(p.path), "kind": kind(p)}) + "\n" for p in missing)
    if missing:
        print(f"{name}: {len(missing)} pictures", file=sys.stderr, flush=True)
        with file.open("ab") as out:
            subprocess.run([python, reader], input=questions.encode(), stdout=out, check=True)
        there = kept(file)
    return {p.path: there[p.path] for p in pictures}


def kept(file: Path) -> dict[Path, Answers]:
    """The answers in a file of them; a line cut short by Ctrl-C counts as none."""
    answers: dict[Path, Answers] = {}
    for line in file.read_text("utf-8").splitlines() if file.exists() else ():
        try:
            one = json.loads(line)
        except json.JSONDecodeError:
            continue
        answers[Path(one["path"])] = one["answers"]
    return answers


def of_glyphfront(model: str, pictures: Sequence[Genuine]) -> dict[Path, Answers]:
    """Ours, as `recognize` gives them; a picture that it refuses has the answer ""."""
    recognizer = load(model)
    answers: dict[Path, Answers] = {}
    for picture in pictures:
        try:
            free = recognizer.recognize(picture.path, top=1)[0].character
            known = recognizer.recognize(picture.path, top=1, alphabet=kind(picture))[0].character
        except GlyphfrontError:
            free = known = ""
        answers[picture.path] = {"recognize": {"letters+digits": free, kind(picture): known}}
    return answers


def table(pictures: Sequence[Genuine], answers: Mapping[str, Mapping[Path, Answers]]) -> dict[str, object]:
    """A source's shares for each condition: {condition: {program: right, of which usage, difference}}."""
    rows: dict[str, object] = {"pictures": len(pictures)}
    for condition, alphabets in CONDITIONS.items():
        ours = best(pictures, answers["glyphfront"], alphabets)[1]
        row: dict[str, object] = {"glyphfront": to_plain(proportion(int(ours.sum()), len(ours)))}
        for name in PROGRAMS:
            usage, theirs = best(pictures, answers[name], alphabets)
            row[name] = {
                **to_plain(proportion(int(theirs.sum()), len(theirs))),
                "usage": usage,
                "difference": to_plain(compare(theirs, ours)),
            }
        rows[condition] = row
    return rows


def best(
    pictures: Sequence[Genuine], answers: Mapping[Path, Answers], alphabets: Sequence[str]
) -> tuple[str, np.ndarray]:
    """The usage that is most often right, and where: (pictures,) bool."""
    ways: dict[str, list[bool]] = {}
    for picture in pictures:
        for usage, given in answers[picture.path].items():
            for alphabet in set(alphabets) & set(given):
                way = usage if set(alphabets) == {"digits", "letters"} else f"{usage}, {alphabet}"
                ways.setdefault(way, []).append(given[alphabet].upper() == picture.label.upper())
    right = {way: np.array(ours) for way, ours in ways.items()}
    usage = max(right, key=lambda way: (int(right[way].sum()), way))
    return usage, right[usage]


def show(sources: Mapping[str, Mapping[str, object]]) -> None:
    """Print shares right, a line for each source and condition."""
    print(f"{'':16}{'':7}{'':6}" + "".join(f"{name:>13}" for name in ("glyphfront", *PROGRAMS)))
    for source, rows in sources.items():
        for condition in CONDITIONS:
            row = rows[condition]
            shares = (row[name]["correct"] / row[name]["total"] for name in ("glyphfront", *PROGRAMS))  # type: ignore[index]
            print(f"{source:16}{rows['pictures']:>6} {condition:6}" + "".join(f"{share:13.1%}" for share in shares))


if __name__ == "__main__":
    main()
