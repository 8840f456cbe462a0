"""The figures' numbers, and that drawing them is faithful and repeatable."""

from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.blocks.registry import PLOTS
from analysis.facts import Facts
from analysis.render.axes import spread
from analysis.render.figure import MOST_VECTOR_POINTS, arm_styles, as_svg, laid_out


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
