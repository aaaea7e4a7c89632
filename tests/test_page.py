from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from glyphfront.errors import GlyphfrontError
from glyphfront.report.page import write_report
from glyphfront.ship.card import load_card
from glyphfront.ship.recognizer import find
from glyphfront.study import Study
from results_factory import keep, keep_study, keep_timings, make_predictions, make_result, share

TIMES = {"small": 50, "middle": 200, "large": 500, "a": 100, "other": 100, "glyphnet-s": 100}
VOID = {"meta", "link", "br", "img", "input", "hr"}
RESULTS = (
    make_result("small", correct=300),
    make_result("middle", correct=340),
    make_result("large", correct=344),
    make_result("broken", diverged="loss is NaN after 12 steps; lower the learning rate"),
)


class Page(HTMLParser):
    """Fails on a tag that is not closed in order; keeps text, ids and references."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.references, self.words = [], [], [], []
        self.feed(text)
        assert self.open == []
        self.text = " ".join(" ".join(self.words).replace("\u00a0", " ").split())

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        self.handle_startendtag(tag, attrs)

    def handle_startendtag(self, tag, attrs):
        self.ids += [value for name, value in attrs if name == "id"]
        self.references += [value for name, value in attrs if name in ("href", "src", "xlink:href", "srcset")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)


def fill(folder, results=RESULTS, predictions=None, times=TIMES):
    for result in results:
        keep(folder, result, (predictions or {}).get(result.run.label))
    keep_timings(folder, times)
    return folder


def add_examples(folder, stem="middle-seed0", **changed):
    arrays = {"images": np.zeros((2, 28, 28), np.uint8), "true": np.array([0, 1]), "predicted": np.array([2, 3])}
    np.savez(folder / f"{stem}.examples.npz", **(arrays | changed))


def report(folder, **options):
    path = write_report(folder, title="Quick study", **options)
    return Page(path.read_text(encoding="utf-8")), (folder / "report.md").read_text(encoding="utf-8")


def test_the_page_is_well_formed_with_unique_ids_and_asks_for_nothing_outside(tmp_path):
    add_examples(fill(tmp_path))
    page, _ = report(tmp_path, budget_us=300)
    assert [i for i, count in Counter(page.ids).items() if count > 1] == []
    outside = [r for r in page.references if not r.startswith("data:image/png;base64,") and r[1:] not in page.ids]
    assert outside == []
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "http" not in text
    assert "<script" not in text
    assert "@import" not in text
    assert set(re.findall(r"url\((.)", text)) == {"#"}


def test_the_same_results_give_the_same_bytes(tmp_path):
    add_examples(fill(tmp_path))
    contents = []
    for _ in range(2):
        report(tmp_path, budget_us=300)
        contents.append({path.name: path.read_bytes() for path in tmp_path.iterdir()})
    assert contents[0] == contents[1]
    assert {"report.html", "report.md", "front.svg", "curves.svg", "pairs.svg"} < set(contents[0])
    assert not [name for name in contents[0] if name.endswith(".partial")]


def test_the_pick_stands_first_with_accuracy_interval_time_and_data(tmp_path):
    page, markdown = report(fill(tmp_path), budget_us=300)
    assert page.text.startswith(
        "Quick study Quick study Within 300 µs an image, take middle accuracy 85.00 % 95 % interval 83.00–87.00 % "
        "time for one image 200 µs p50, 4.00 × lenet5_new file 248 KB 61.2 k parameters "
        "Measured on balanced (unofficial, 400 of 800 test images)."
    )
    assert markdown.index("## Within 300 µs an image, take middle") < markdown.index("## All results")


def test_page_and_markdown_carry_the_same_rows_pick_and_notes(tmp_path):
    page, markdown = report(fill(tmp_path))
    plain = re.sub(r"[*\\`|]+", " ", markdown)
    plain = " ".join(plain.split())
    for said in (
        "large",
        "86.00 (84.00–88.00)",
        "+1.00, intervals overlap",
        "the intervals overlap, so they do not show which of the two is the more accurate",
        "broken: loss is NaN after 12 steps; lower the learning rate",
        "Every Run has one seed",
        "of the 56 errors of large",
        "fingerprint ffffffffffffffff",
        '"model": {"name": "middle"}',
        "No example images lie beside the results",
        "Some CPU, 2 cores, ONNX Runtime 1.20.0",
    ):
        assert said in page.text, said
        assert said in plain, said


def test_with_predictions_page_markdown_and_readme_say_what_the_pick_differs_by(tmp_path):
    folder, readme = tmp_path / "quick", tmp_path / "README.md"
    readme.write_text(README, encoding="utf-8")
    predictions = {"small": make_predictions(300), "middle": make_predictions(340)}
    fill(folder, predictions=predictions | {"large": make_predictions(344, shift=56)})
    page, markdown = report(folder, readme=readme)
    for said in (
        "−1.00 points on the same 400 images (paired 95 % interval",
        "Against the pick",
        "cannot be told apart on these 400 images",
        "less accurate beyond chance",
        "not told apart",
        "one seed each, and not of other trainings",
        "with Tango's 95 % interval",
    ):
        assert said in page.text, said
        assert said in markdown, said
    assert "(paired 95 % interval" in readme.read_text(encoding="utf-8")


def test_without_predictions_the_page_says_what_is_missing_and_claims_no_test(tmp_path):
    page, markdown = report(fill(tmp_path))
    assert "large cannot be compared image by image: NAME.predictions.npz does not lie beside" in page.text
    assert "McNemar" not in page.text + markdown


def test_the_title_is_the_studys_question(tmp_path):
    keep_study(tmp_path, Study("Which width?", name="widths", rows={r.run.label: r.run for r in RESULTS}))
    page = write_report(fill(tmp_path)).read_text(encoding="utf-8")
    assert "<h1>Which width?</h1>" in page


def test_without_a_study_the_title_is_made_from_the_folder_name(tmp_path, monkeypatch):
    (tmp_path / "quick-balanced").mkdir()
    monkeypatch.chdir(fill(tmp_path / "quick-balanced"))
    write_report(Path())
    assert "<h1>glyphfront: quick on balanced</h1>" in Path("report.html").read_text(encoding="utf-8")


def test_a_result_that_shares_a_shipped_name_is_told_apart_from_the_shipped_model(tmp_path):
    page, markdown = report(fill(tmp_path, [make_result("glyphnet-s")]))
    card = load_card(find("glyphnet-s"))
    assert card.accuracy
    said = f"The shipped glyphnet-s is another training: {100 * card.accuracy.value:.2f} % on "
    assert said + "balanced (unofficial, 9,400 of 18,800 test images)." in page.text
    assert said in markdown


def test_the_shipped_model_is_known_by_its_file(tmp_path):
    result = make_result("any label", model="glyphnet-s")
    exported = replace(result.exported[0], sha256=load_card(find("glyphnet-s")).sha256)
    page, _ = report(fill(tmp_path, [replace(result, exported=(exported,))]))
    assert "The glyphnet-s here is the shipped one." in page.text
    assert "another training:" not in page.text


def test_other_names_say_nothing_of_the_shipped_models(tmp_path):
    page, _ = report(fill(tmp_path))
    assert "shipped" not in page.text


def test_sections_come_in_order(tmp_path):
    page, _ = report(fill(tmp_path))
    headings = (
        "For your budget",
        "The front",
        "All results",
        "Against the pick",
        "Learning curves",
        "What it confuses",
        "How this is measured",
        "Where it comes from",
    )
    places = [page.text.index(heading) for heading in headings]
    assert places == sorted(places)


def test_rows_whose_accuracy_still_rose_at_the_end_are_named_beside_their_curves(tmp_path):
    rows = [
        make_result("young", curve=(0.6, 0.7, 0.8)),
        make_result("grown", curve=(0.7, 0.84, 0.84)),
        make_result("one", curve=(0.9,)),
    ]
    page, _ = report(fill(tmp_path, rows))
    said = "Still rising when training ended, so a longer one may help: young (70.0 %, then 80.0)."
    assert said in page.text
    page, _ = report(fill(tmp_path / "grown", rows[1:]))
    assert "Still rising" not in page.text


def test_figures_that_the_page_does_not_show_any_more_go_and_somebodys_own_stay(tmp_path):
    fill(tmp_path)
    report(tmp_path)
    for name in ("curves-2.svg", "front-before.svg"):
        (tmp_path / name).write_text("<svg/>")
    page = tmp_path / "report.md"
    page.write_text(page.read_text(encoding="utf-8") + "\n![Of another test set](curves-2.svg)\n", encoding="utf-8")
    report(tmp_path)
    assert not (tmp_path / "curves-2.svg").exists()
    assert (tmp_path / "front-before.svg").exists()


def test_a_row_whose_lowest_seed_diverged_keeps_its_figures_in_a_readme_and_against_the_pick(tmp_path):
    results = [
        make_result("a", seed=0, diverged="loss is NaN"),
        *(make_result("a", seed=s, correct=320) for s in (1, 2)),
    ]
    folder = fill(tmp_path, [*results, make_result("b", correct=360)], times={"a": 50, "b": 100})
    for label, seed, correct in (("a", 1, 320), ("a", 2, 320), ("b", 0, 360)):
        keep(folder, make_result(label, seed=seed, correct=correct), make_predictions(correct))
    readme = tmp_path / "README.md"
    readme.write_text("<!-- results:start -->\n<!-- results:end -->\n")
    write_report(folder, readme=readme)
    assert re.search(r"\| \*\*a\*\* \| \*\*80.00 \(.*80.00 ± 0.00 \(2, 1 diverged\)", readme.read_text())
    assert "| a | less accurate beyond chance |" in (folder / "report.md").read_text(encoding="utf-8")


def test_names_with_markup_are_shown_and_not_obeyed(tmp_path):
    evil = make_result("<script>alert(1)<script>", model="m", source='x" onload="y')
    page, markdown = report(fill(tmp_path, [evil], times={"m": 100}))
    assert "<script>alert(1)<script>" in page.text
    assert "<script" not in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert re.search(r"(?<!\\)<", re.sub(r"</?(details|summary)>|```.*", "", markdown, flags=re.DOTALL)) is None


def test_confusions_are_counted_against_all_errors(tmp_path):
    page, _ = report(fill(tmp_path, [make_result("a", correct=370)]))  # both pairs hold all 30 errors
    assert "These 2 pairs are 100 % of the 30 errors of a. Without them its accuracy" in page.text
    assert "would be 100.00 %" in page.text


def test_a_budget_that_nothing_fits_is_answered_with_the_nearest(tmp_path):
    page, markdown = report(fill(tmp_path), budget_us=10)
    assert "No pick No model here fits 10 µs: the fastest is small (75.00 %, 50.0 µs" in page.text
    assert "## No pick" in markdown


def test_an_impossible_budget_is_an_error(tmp_path):
    with pytest.raises(GlyphfrontError, match="above 0"):
        report(fill(tmp_path), budget_us=-1)


def test_results_without_latency_still_make_a_report(tmp_path):
    page, markdown = report(fill(tmp_path, [make_result("a")], times={}))
    assert "nothing to choose" in page.text
    assert not (tmp_path / "front.svg").exists()
    assert "front.svg" not in markdown


def test_nothing_but_diverged_runs_still_makes_a_report(tmp_path):
    page, _ = report(fill(tmp_path, [RESULTS[-1]]))
    assert "broken: loss is NaN after 12 steps" in page.text


def test_results_on_different_images_get_a_part_each(tmp_path):
    other = make_result("other", correct=399, test_fingerprint="0", source="official")
    page, markdown = report(fill(tmp_path, [*RESULTS, other]))
    assert "take large" in page.text
    assert "take other" in page.text
    assert "Measured on balanced (official)." in page.text
    assert (tmp_path / "front-2.svg").exists()
    assert "(front-2.svg)" in markdown


def test_seeds_are_shown_as_mean_and_spread(tmp_path):
    seeds = [make_result("a", seed=s, correct=c) for s, c in ((0, 320), (1, 328), (2, 336))]
    page, markdown = report(fill(tmp_path, seeds))
    assert "a 0, 1, 2 3 82.00 2.00 0" in page.text
    assert "| a | 0, 1, 2 | 3 | 82.00 | 2.00 | 0 |" in markdown


def test_rows_without_results_and_with_too_few_trainings_are_named(tmp_path):
    results = [make_result("a"), make_result("b"), make_result("b", seed=1)]
    rows = {one.run.label: one.run for one in (*results[:2], make_result("c"))}
    keep_study(tmp_path, Study("Which?", name="mine.py:which", rows=rows, seeds=2))
    page, _ = report(fill(tmp_path, results, times={"a": 100, "b": 100}))
    assert "Rows without a result, or with too few trainings: c, a (1 of 2 trainings). The command" in page.text
    keep_study(tmp_path, Study("Which?", name="mine.py:which", rows=dict(list(rows.items())[:2])))
    page, _ = report(tmp_path)
    assert "Rows without a result" not in page.text


def test_diverged_trainings_of_a_row_are_counted_for_each_of_its_files(tmp_path):
    ended = [make_result("a", seed=seed) for seed in (0, 2)]
    ended = [replace(one, exported=(*one.exported, replace(one.exported[0], precision="int8"))) for one in ended]
    page, _ = report(fill(tmp_path, [*ended, make_result("a", seed=1, diverged="loss is NaN")]))
    assert "a 0, 1, 2 2 75.00 0.00 1" in page.text
    assert "a, int8 0, 1, 2 2 75.00 0.00 1" in page.text


def test_an_export_that_changes_what_is_right_is_reported(tmp_path):
    result = make_result("a", correct=300)
    exported = replace(result.exported[0], top1=share(296, 400))
    page, _ = report(fill(tmp_path, [replace(result, exported=(exported,))]))
    assert "Export changed the number of images right: a by -4 images." in page.text


def test_leaks_left_in_training_are_named(tmp_path):
    result = make_result("a")
    leaky = replace(result, run=replace(result.run, data=replace(result.run.data, remove_leaks=False)))
    page, _ = report(fill(tmp_path, [leaky]))
    assert "but not for a, whose accuracy may be too high" in page.text


def test_examples_that_are_taken_away_leave_no_picture_behind(tmp_path):
    add_examples(fill(tmp_path))
    page, markdown = report(tmp_path)
    assert "1 read as l" in page.text
    assert "(pairs.svg)" in markdown
    (tmp_path / "middle-seed0.examples.npz").unlink()
    page, _ = report(tmp_path)
    assert "No example images" in page.text
    assert not (tmp_path / "pairs.svg").exists()


@pytest.mark.parametrize(
    "changed",
    [
        {"images": np.zeros((2, 28, 27), np.uint8)},
        {"images": np.zeros((2, 28, 28), np.float32)},
        {"images": np.zeros((3, 28, 28), np.uint8)},
        {"true": np.array([0, 4])},
        {"predicted": np.array([-1, 0])},
        {"true": np.array([0.0, 1.0])},
        {"true": np.array(0)},
    ],
)
def test_examples_that_do_not_fit_are_refused_by_name(tmp_path, changed):
    add_examples(fill(tmp_path), **changed)
    with pytest.raises(GlyphfrontError, match=r"middle-seed0\.examples\.npz: its arrays do not fit"):
        report(tmp_path)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 broken"])
def test_a_broken_examples_file_is_refused_by_name(tmp_path, content):
    (fill(tmp_path) / "middle-seed0.examples.npz").write_bytes(content)
    with pytest.raises(GlyphfrontError, match=r"middle-seed0\.examples\.npz: holds no examples"):
        report(tmp_path)


def test_a_folder_without_results_is_an_error(tmp_path):
    with pytest.raises(GlyphfrontError, match="no result files"):
        write_report(tmp_path, title="x")


README = "# Title\n\n<!-- results:start -->\nold\n<!-- results:end -->\n\nrest\n"


def test_readme_gets_pick_and_table_between_the_marks_and_keeps_the_rest(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(README, encoding="utf-8")
    report(fill(tmp_path / "results" / "quick"), readme=readme)
    text = readme.read_text(encoding="utf-8")
    assert text.startswith("# Title\n\n<!-- results:start -->\nWithout a bound, take large: accuracy 86.00 %")
    assert text.endswith("(results/quick/report.md)\n<!-- results:end -->\n\nrest\n")
    assert "balanced (unofficial, 400 of 800 test images)" in text
    assert "| **middle** | **85.00 (83.00–87.00)** | **200** | **4.00** | **61,234** |" in text
    assert "\nold\n" not in text


@pytest.mark.parametrize("absolute", [True, False])
def test_the_readmes_link_leads_from_it_to_the_report_wherever_the_command_is_given(tmp_path, monkeypatch, absolute):
    """Fault 7: the link was the folder as it was named on the command line."""
    readme = tmp_path / "docs" / "README.md"
    readme.parent.mkdir()
    readme.write_text(README, encoding="utf-8")
    folder = fill(tmp_path / "results" / "quick")
    monkeypatch.chdir(tmp_path / "results")
    report(folder if absolute else Path("quick"), readme=readme if absolute else Path("../docs/README.md"))
    (link,) = re.findall(r"\[The whole report\]\((.*)\)", readme.read_text(encoding="utf-8"))
    assert not Path(link).is_absolute()
    assert (readme.parent / link).resolve() == folder / "report.md"


def test_a_current_readme_is_left_as_it_is(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(README, encoding="utf-8")
    report(fill(tmp_path), readme=readme)
    before = readme.stat().st_mtime_ns
    report(tmp_path, readme=readme)
    assert readme.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "text", ["no marks", "<!-- results:start -->", "<!-- results:end --> <!-- results:start -->", README * 2]
)
def test_a_readme_without_the_two_marks_is_refused(tmp_path, text):
    readme = tmp_path / "README.md"
    readme.write_text(text, encoding="utf-8")
    with pytest.raises(GlyphfrontError, match="results:start"):
        report(fill(tmp_path), readme=readme)
    assert readme.read_text(encoding="utf-8") == text


def test_a_report_of_own_results_says_nothing_of_another_study(tmp_path):
    """Fault 10: every report said that the study whose models are rebuilt here scored 1,024 images."""
    page, markdown = report(fill(tmp_path))
    for text in (page.text, markdown):
        assert "1,024" not in text
        assert not re.search(r"the study|rebuilt", text)


def test_an_int8_file_has_a_row_of_its_own_in_table_budgets_and_front(tmp_path):
    result = make_result("large", correct=344)
    int8 = replace(result.exported[0], precision="int8", graph="graph of large, int8", top1=share(342, 400))
    kept = [replace(result, exported=(result.exported[0], int8))]
    _, markdown = report(fill(tmp_path, kept, times={"large": 500, "large, int8": 150}))
    assert "| **large, int8** | **85.50 (83.50–87.50)** | **150** | **3.00** |" in markdown
    assert "| from 150 µs (3.00 ×) | large, int8 |" in markdown
    assert "large, int8" in (tmp_path / "front.svg").read_text(encoding="utf-8")
