"""What is committed loads: a record that changed its fields without its files fails here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from glyphfront import records
from glyphfront.data.leakage import load_seen
from glyphfront.measure.gradients import load_gradients
from glyphfront.measure.layers import load_architecture
from glyphfront.measure.predictions import examples_path, load_examples, load_predictions, predictions_path
from glyphfront.pipeline.cost import load_rates
from glyphfront.result import Result, load_result, load_timings
from glyphfront.ship.card import load_card
from glyphfront.ship.graph import graph_fingerprint
from glyphfront.study import Study

ROOT = Path(__file__).parent.parent
RESULTS = sorted(ROOT.glob("results/**/*-seed*.json"))
STUDIES = sorted({path.parent for path in ROOT.glob("results/**/latency.json")})
MODELS = sorted([*ROOT.glob("results/**/*.onnx"), *ROOT.glob("src/glyphfront/weights/*.onnx")])
OTHERS = {
    "latency": load_timings,
    "rates": load_rates,
    "architecture": load_architecture,
    "gradients": load_gradients,
    "study": lambda path: records.load(Study, path, advice=""),
}
pytestmark = pytest.mark.skipif(not (ROOT / "results").exists(), reason="needs a checkout, with its results")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", RESULTS, ids=name_of)
def test_a_committed_result_loads_and_its_predictions_add_up_to_it(path: Path) -> None:
    result = load_result(path)
    assert (result.key, f"{result.run.seed}") == (result.run.key, path.stem.rpartition("-seed")[2])
    if result.accuracy is None:
        return
    predictions = load_predictions(predictions_path(path))
    assert (predictions.correct.sum(), len(predictions.true)) == (
        result.accuracy.top1.correct,
        result.accuracy.top1.total,
    )
    if examples_path(path).exists():
        load_examples(examples_path(path), len(result.classes))


@pytest.mark.parametrize("path", MODELS, ids=name_of)
def test_a_committed_model_has_a_card_of_its_own_and_the_fingerprints_that_it_names(path: Path) -> None:
    card = load_card(path)
    assert card.seen is not None
    assert len(load_seen(path.with_name(card.seen))) >= card.data.train_images


@pytest.mark.parametrize("kind", OTHERS)
def test_other_committed_records_load(kind: str) -> None:
    paths = sorted(ROOT.glob(f"results/**/{kind}.json")) + sorted(ROOT.glob(f"results/**/{kind}-*.json"))
    for path in paths:
        OTHERS[kind](path)
    assert paths


@pytest.mark.parametrize("folder", STUDIES, ids=name_of)
def test_a_file_of_every_committed_row_was_timed(folder: Path) -> None:
    """Of one training at least: a lost file of an earlier export cannot be timed again with the others."""
    timings = load_timings(folder / "latency.json")
    results = [load_result(path) for path in folder.glob("**/*-seed*.json")]
    rows = {(result.run.label, file.precision) for result in results for file in result.exported}
    timed = {
        (result.run.label, file.precision)
        for result in results
        for file in result.exported
        if timings.of(file.graph) is not None
    }
    assert rows
    assert timed == rows


def test_the_shipped_models_are_the_computations_that_were_timed() -> None:
    timed = {timing.graph for folder in STUDIES for timing in load_timings(folder / "latency.json").files}
    for path in MODELS:
        assert graph_fingerprint(path) in timed, path


def test_committed_json_is_no_other_record_than_these() -> None:
    known = {*RESULTS, *(path.with_suffix(".json") for path in MODELS)}
    known |= {path for kind in OTHERS for path in ROOT.glob(f"results/**/{kind}*.json")}
    known |= set(ROOT.glob("results/pictures/*.json"))  # figures of benchmarks, which no code reads
    known.add(ROOT / "results/further/further.json")
    others = {name_of(path) for path in set(ROOT.glob("results/**/*.json")) - known}
    assert others == {"results/emnist-study-laptop/brightness.json"}
    json.loads((ROOT / "results/emnist-study-laptop/brightness.json").read_text(encoding="utf-8"))


def test_results_of_one_key_are_of_one_run() -> None:
    by_key: dict[str, list[Result]] = {}
    for path in RESULTS:
        result = load_result(path)
        by_key.setdefault(f"{path.relative_to(ROOT).parts[1]} {result.key}", []).append(result)
    twice = [[one.run.label for one in found] for found in by_key.values() if len(found) > 1]
    assert not twice
