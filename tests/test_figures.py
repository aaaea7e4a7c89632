from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from matplotlib.text import Text

from glyphfront.errors import GlyphfrontError
from glyphfront.measure.gradients import GradientRecord, Gradients
from glyphfront.measure.predictions import Examples
from glyphfront.report import drawing, figures, gradients
from glyphfront.report.figures import curves_figure, flat_figure, front_figure, pairs_figure, size_figure
from glyphfront.report.front import front
from glyphfront.report.gradients import gradients_figure
from results_factory import make_file, make_result

EXAMPLES = Examples(
    images=np.arange(5, dtype=np.uint8)[:, None, None] + np.zeros((5, 28, 28), np.uint8),
    true=np.array([1, 0, 0, 0, 1]),
    predicted=np.array([3, 2, 2, 2, 3]),
)


RECORD = GradientRecord(
    label="net",
    layers=("a", "b", "c"),
    map_sides=(28, 1, 14),  # the second looks aside, as squeeze-and-excitation does
    norms=((1.0, 10.0, 100.0), (3.0, 30.0, 300.0), (2.0, 20.0, 200.0)),
    untouched=(0.0, 0.5, 1.0),
    losses=(3.0, 2.5, 1.25),
)


def measured(*records):
    return Gradients("balanced (made up)", 64, 0.01, records, make_result().provenance)


@pytest.fixture
def drawn(monkeypatch):
    """The figures drawn, before they become SVG."""
    kept = []
    for module in (figures, gradients):
        monkeypatch.setattr(module, "svg", lambda figure: kept.append(figure) or "svg")
    return kept


def curves_of(*files):
    return curves_figure([file.evaluated for file in files])


def texts(svg):
    root = ET.fromstring(svg)
    return ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")]


def points(axes, colour, marker="o"):
    lines = [line for line in axes.lines if line.get_color() == colour and line.get_marker() == marker]
    return np.array(sorted(tuple(point) for line in lines for point in line.get_xydata()))


@pytest.mark.parametrize(
    "draw",
    [
        lambda: front_figure([make_file("a"), make_file("b", correct=390, p50_us=900)], budget_us=300),
        lambda: curves_of(make_file("a"), make_file("b")),
        lambda: pairs_figure(make_result(), EXAMPLES),
        lambda: size_figure([make_file("a"), make_file("b", correct=390)]),
        lambda: gradients_figure(measured(RECORD)),
    ],
    ids=["front", "curves", "pairs", "size", "gradients"],
)
def test_a_figure_is_the_same_bytes_each_time_and_valid_xml_with_its_data_label(draw):
    first = draw()
    assert first == draw()
    assert "balanced (" in " ".join(texts(first))


def test_flat_figure_shades_from_the_first_that_is_level_with_the_best(drawn):
    small, middle, large = (
        make_file(n, correct=c, p50_us=t) for n, c, t in (("s", 300, 50), ("m", 340, 200), ("l", 344, 500))
    )
    files = [small, middle, large]
    assert flat_figure(files, front(files)[1:]) == "svg"
    by_macs, by_time = drawn[0].axes
    assert by_time.patches[0].get_x() == 4  # 200 of 50 µs
    assert by_macs.patches[0].get_x() == middle.result.cost.macs
    assert points(by_time, drawing.BLUE).tolist() == [[4, 85], [10, 86]]
    assert points(by_time, drawing.MUTED).tolist() == [[1, 75]]


def test_no_flat_figure_where_all_are_level():
    files = [make_file("a"), make_file("b", correct=301, p50_us=900)]
    assert flat_figure(files, front(files)) is None


def test_names_that_would_cover_something_are_left_out_off_the_front(drawn):
    front_figure([make_file(f"name {n}", correct=300 - n, p50_us=100 + n) for n in range(30)])
    named = [text.get_text() for text in drawn[0].axes[0].texts]
    assert "name 0" in named
    assert len(named) < 30


def test_front_figure_fills_the_front_and_rings_the_rest_at_the_reference_median_speed(drawn):
    results = [
        make_file("quiet", correct=300, p50_us=60, reference_us=40),  # ratio 1.5
        make_file("busy", correct=320, p50_us=300, reference_us=60),  # ratio 5
        make_file("beaten", correct=280, p50_us=200, reference_us=50),  # ratio 4
    ]
    front_figure(results)
    axes = drawn[0].axes[0]
    assert points(axes, drawing.COLOURS[0]) == pytest.approx(np.array([(75.0, 75.0), (250.0, 80.0)]))  # × median 50 µs
    assert points(axes, drawing.MUTED) == pytest.approx(np.array([(200.0, 70.0)]))


def test_front_figure_draws_the_intervals(drawn):
    front_figure([make_file("a", half_width=0.03)])
    assert points(drawn[0].axes[0], drawing.COLOURS[0], marker="_") == pytest.approx(
        np.array([(100.0, 72.0), (100.0, 78.0)])
    )


def test_front_line_steps_up_where_a_better_model_becomes_affordable(drawn):
    front_figure([make_file("a", correct=300), make_file("b", correct=340, p50_us=400)])
    (step,) = [line for line in drawn[0].axes[0].lines if len(line.get_xdata()) == 4]
    assert list(step.get_ydata()) == [75.0, 75.0, 85.0, 85.0]
    assert list(step.get_xdata())[:3] == pytest.approx([100.0, 400.0, 400.0])


def test_further_seeds_are_small_rings_beside_the_lowest(drawn):
    front_figure([make_file("a", seed=1, correct=320), make_file("a", seed=0, correct=300)])
    rings = [line for line in drawn[0].axes[0].lines if line.get_markersize() == 4]
    assert [list(line.get_ydata()) for line in rings] == [[80.0]]


def test_a_model_far_below_is_named_under_the_figure_instead_of_squeezing_it(drawn):
    front_figure([make_file("collapsed", correct=40, p50_us=300), make_file("a", correct=360)])
    figure = drawn[0]
    assert "Below the axis: collapsed (10.00 %)" in figure.get_supxlabel()
    assert figure.axes[0].get_ylim()[0] > 80
    assert "collapsed" not in [text.get_text() for text in figure.axes[0].texts]


def test_names_cover_neither_each_other_nor_a_point(drawn):
    results = [make_file(f"model {i}", correct=300 + 3 * i, p50_us=100 + 9 * i, half_width=0.004) for i in range(12)]
    front_figure(results)
    axes = drawn[0].axes[0]
    names = [text for text in axes.texts if text.get_text().startswith("model")]
    assert len(names) == 12
    # the text alone: an annotation's own extent includes its leader line
    drawn[0].draw_without_rendering()
    boxes = [Text.get_window_extent(text) for text in names]
    assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]
    dots = axes.transData.transform(points(axes, drawing.COLOURS[0]))
    assert not [1 for box in boxes for x, y in dots if box.contains(x, y)]


def test_a_label_with_markup_is_drawn_as_it_is():
    assert "$x_1$ <b>" in texts(front_figure([make_file("$x_1$ <b>", model="m")]))


def test_budget_is_drawn_and_named():
    assert "budget 300 µs" in texts(front_figure([make_file()], budget_us=300))


def test_without_latency_or_curve_there_is_no_figure():
    assert front_figure([make_file(timed=False)]) is None
    assert curves_of(make_file(curve=()), make_file(diverged="x", curve=(float("nan"),))) is None


def test_curves_run_over_epochs_and_over_accumulated_seconds(drawn):
    curves_of(make_file("a", curve=(0.5, 0.6, 0.7)))  # epochs of 10, 20 and 30 s
    by_epoch, by_time = (axes.lines[0] for axes in drawn[0].axes)
    assert by_epoch.get_xydata().tolist() == [[1.0, 50.0], [2.0, 60.0], [3.0, 70.0]]
    assert list(by_time.get_xdata()) == [10.0, 30.0, 60.0]


def test_an_epoch_too_short_to_time_is_drawn_all_the_same():
    one = make_file(curve=(0.5,)).evaluated
    short = replace(one.result, curve=(replace(one.result.curve[0], seconds=0.0),))
    assert curves_figure([replace(one, result=short)]) is not None


def test_curves_name_every_set_that_was_trained_on(drawn):
    other = make_file("b").evaluated
    run = replace(other.result.run, data=replace(other.result.run.data, train="bymerge"))
    curves_figure([make_file("a").evaluated, replace(other, result=replace(other.result, run=run))])
    assert drawn[0].get_supxlabel() == "Trained on balanced (official), bymerge (official)"


def test_six_best_curves_are_coloured_and_dashed_differently_and_the_rest_gray(drawn):
    curves_of(*[make_file(f"m{i}", curve=(0.5, 0.6 + i / 100)) for i in range(8)])
    figure = drawn[0]
    assert [text.get_text() for text in figure.legends[0].texts] == ["m7", "m6", "m5", "m4", "m3", "m2"]
    styles = {(line.get_color(), str(line._unscaled_dash_pattern)) for line in figure.axes[0].lines}
    assert len(styles) == 7
    assert len({style[1] for style in styles}) == 6  # gray is drawn through, as the best is
    assert "gray: the other runs" in figure.get_supxlabel()


def test_seeds_of_a_run_share_colour_and_name(drawn):
    curves_of(make_file("a", seed=0), make_file("a", seed=1))
    assert len({line.get_color() for line in drawn[0].axes[0].lines}) == 1
    assert len(drawn[0].legends[0].texts) == 1


def test_a_curve_that_ends_in_nan_is_drawn_as_far_as_it_goes():
    assert "nan" in texts(curves_of(make_file("nan", diverged="x", curve=(0.5, float("nan"))), make_file("a")))


def test_pairs_are_ordered_by_how_often_they_are_confused_and_say_so(drawn):
    result = make_result("a", correct=370)  # 20 zeros read as O, 10 ones read as l, of 100 each
    pairs_figure(result, EXAMPLES)
    assert [text.get_text() for text in drawn[0].axes[0].texts] == [
        "0 read as O",
        "20 of 100",
        "1 read as l",
        "10 of 100",
    ]


def test_pairs_show_the_images_of_each_confusion(drawn):
    pairs_figure(make_result("a", correct=370), EXAMPLES, each=2)
    shown = [int(image.get_array()[0, 0]) for image in drawn[0].axes[0].images]
    assert shown == [1, 2, 0, 4]


def test_without_examples_or_score_there_is_no_pairs_figure():
    none = Examples(EXAMPLES.images[:0], EXAMPLES.true[:0], EXAMPLES.predicted[:0])
    assert pairs_figure(make_result(), none) is None
    assert pairs_figure(replace(make_result(), accuracy=None), EXAMPLES) is None


def sized(label, correct, parameters, macs, **more):
    file = make_file(label, correct=correct, **more)
    cost = replace(file.result.cost, parameters_total=parameters, macs=macs)
    return replace(file, evaluated=replace(file.evaluated, result=replace(file.result, cost=cost)))


def test_size_figure_fills_the_best_that_parameters_and_multiply_accumulates_buy(drawn):
    results = [
        sized("small", 300, parameters=1_000, macs=90_000),
        sized("middle", 320, parameters=5_000, macs=50_000),
        sized("large", 310, parameters=9_000, macs=10_000),
        sized("lost", 8, parameters=2_000, macs=20_000),
        make_file("diverged", diverged="the loss is not finite"),
    ]
    assert size_figure(results) == "svg"
    parameters, macs = drawn[0].axes
    assert points(parameters, drawing.COLOURS[0]).tolist() == [[1_000, 75.0], [5_000, 80.0]]
    assert points(macs, drawing.COLOURS[0]).tolist() == [[10_000, 77.5], [50_000, 80.0]]
    assert points(parameters, drawing.MUTED).tolist() == [[2_000, 2.0], [9_000, 77.5]]
    assert parameters.get_ylim()[0] > 2.0
    assert "lost (2.00 %)" in drawn[0].get_supxlabel()


def test_size_figure_needs_a_scored_result():
    assert size_figure([make_file("a", diverged="the loss is not finite")]) is None


def test_gradients_figure_draws_medians_the_largest_map_to_come_and_untouched_weights(drawn):
    gradients_figure(measured(RECORD))
    top, middle, bottom = drawn[0].axes
    assert points(top, drawing.COLOURS[0]).tolist() == [[0, 2], [50, 20], [100, 200]]
    assert middle.lines[0].get_ydata().tolist() == [28, 14, 14]
    assert points(bottom, drawing.COLOURS[0]).tolist() == [[0, 0], [50, 50], [100, 100]]
    assert "net: 3 layers, loss 3.00 → 1.25" in [t.get_text() for t in drawn[0].legends[0].get_texts()]


def test_more_nets_than_colours_are_told_apart_by_their_dashes(drawn):
    gradients_figure(measured(*(replace(RECORD, label=f"net{n}") for n in range(8))))
    lines = [line for line in drawn[0].axes[0].lines if line.get_marker() == "None"]
    assert len({(line.get_color(), str(line._dash_pattern)) for line in lines}) == 8


def test_gradients_figure_needs_a_record():
    with pytest.raises(GlyphfrontError, match="no gradients"):
        gradients_figure(measured())
