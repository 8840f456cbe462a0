"""The figures' numbers, and that drawing them is faithful and repeatable."""

import re
from itertools import combinations, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from analysis.blocks.registry import PLOTS
from analysis.facts import Facts
from analysis.render.figure import MOST_VECTOR_POINTS, arm_styles, as_svg, laid_out, short_names
from analysis.render.names import spread

if TYPE_CHECKING:
    from conftest import Study


@pytest.mark.parametrize(("name", "study", "panels"), [("isolation", 2, 2), ("learning_rates", 0, 3)])
def test_many_runs_are_one_image_a_panel(all_facts: list[Facts], name: str, study: int, panels: int) -> None:
    """All marks of a panel, those beyond it and on its rail included: the drawing stays small."""
    facts = all_facts[study]
    plot = PLOTS[name]
    frame = plot.compute(facts)
    runs = frame[frame["run_id"] != ""]
    many = pd.concat([frame, *[runs] * (1 + MOST_VECTOR_POINTS // len(runs))], ignore_index=True)
    styles = arm_styles(facts.records.arms)
    few, large = (as_svg(laid_out(plot.draw(each, styles)), name, "") for each in (frame, many))
    assert (few.count("<image"), large.count("<image")) == (0, panels)


def test_an_arm_looks_the_same_in_every_figure() -> None:
    """Looks depend on the position in the study file, and no two of 90 arms share colour and marker."""
    styles = arm_styles([f"arm{position}" for position in range(90)])
    assert len({(style.color, style.marker) for style in styles.values()}) == 90
    assert arm_styles(["a", "b"])["b"].color == arm_styles(["x", "y"])["y"].color


@given(st.lists(st.floats(0, 1), min_size=1, max_size=15).map(sorted))
def test_labels_are_moved_apart_in_order(heights: list[float]) -> None:
    """No two labels are closer than the gap, and lone labels stay where they are."""
    placed = spread(heights, gap=0.1)
    steps = [after - before for before, after in pairwise(placed)]
    assert all(step >= 0.1 - 1e-9 for step in steps)
    assert sum(placed) == pytest.approx(sum(heights))


def test_labels_far_apart_stay() -> None:
    """What does not overlap is not moved."""
    assert spread([0.1, 0.5, 0.9], gap=0.1) == pytest.approx([0.1, 0.5, 0.9])


@given(st.lists(st.text("ab", min_size=1, max_size=60), min_size=1, max_size=30, unique=True))
def test_shortened_names_are_short_and_each_its_own(names: list[str]) -> None:
    """Whatever they have in common; those that fit are left alone."""
    short = short_names(names, 16)
    assert list(short) == names
    assert len(set(short.values())) == len(names)
    for name, label in short.items():
        assert len(label) <= 16
        assert label == name or len(name) > 16
        assert name.startswith(label.partition("\u2026")[0])


def _study_of(new_study: "type[Study]", names: list[str]) -> "Study":
    """Return a study of arms with these names, each with a search, a stopped run's audit and confirm runs."""
    study = new_study(arms={name: {"lr": {"low": 1e-4, "high": 1.0, "log": True}} for name in names})
    study.search_settings = {"audit": 1, "early_stopping": {"grace_epochs": 1, "reduction_factor": 3}}
    for place, name in enumerate(names):
        study.search(name, [1e-3, 1e-2, 1e-1], best=1e-2)
        study.audit(study.add(name, "search", lr=3e-4, status="stopped", epochs=1, val_loss=0.1))
        accuracy = 0.8 + 0.003 * (7 * place % len(names))
        study.confirm(name, [accuracy, accuracy + 0.002, accuracy + 0.001])
    study.keep_predictions()
    study.baseline = names[0]
    return study


HIDDEN = ",".join(["300"] * 16)
STUDIES_OF_NAMES = {
    "long": [
        *(f"sgd@batch_size={size},hidden:[{HIDDEN}],init=kaiming_uniform,dropout=0.5" for size in (16, 32)),
        *(f"sgd@hidden:[{HIDDEN}],activation=leaky_relu,precision=fp32,lr={rate}" for rate in (0.1, 0.001)),
        *(f"{'n' * 50}{middle}{'n' * 61}" for middle in "ab"),
        "adam",
    ],
    "forty": [f"arm{place:02d}" if place % 3 else f"optimizer_number_{place:02d}" for place in range(40)],
}


@pytest.mark.slow
@pytest.mark.parametrize("names", STUDIES_OF_NAMES.values(), ids=STUDIES_OF_NAMES)
def test_no_text_is_cut_and_no_names_overlap(
    new_study: "type[Study]", tmp_path: Path, names: list[str]
) -> None:
    """In any figure: not with names of 112 letters, not with 40 arms. Tables have the names whole."""
    facts = _study_of(new_study, names).facts(tmp_path)
    styles = arm_styles(names)
    for name, plot in PLOTS.items():
        figure = plot.rendered(name, facts, styles).drawing if plot.is_for(facts) else None
        if figure is None:
            continue
        laid_out(figure).set_dpi(150)
        figure.draw_without_rendering()  # or texts stand where they stood at another resolution
        renderer = FigureCanvasAgg(figure).get_renderer()
        page = figure.bbox.padded(2)
        of_names = []
        for text in figure.findobj(Text):
            is_word = bool(re.search("[a-df-zA-Z]|e[^-0-9]", text.get_text()))  # and not such as 1e-5
            if not (text.get_visible() and is_word) or text.get_text().startswith("$"):
                continue  # numbers at ticks, of which those outside the axes are not drawn
            box = Text.get_window_extent(text, renderer)  # without an annotation's line
            assert page.contains(box.x0, box.y0), (name, text.get_text())
            assert page.contains(box.x1, box.y1), (name, text.get_text())
            if text.get_text() in {style.label for style in styles.values()}:
                of_names.append((text.get_text(), box.padded(-1.2)))
        for (one, first), (other, second) in combinations(of_names, 2):
            assert not first.overlaps(second), (name, one, other)
