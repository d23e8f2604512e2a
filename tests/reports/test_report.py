"""The report: self-contained, escaped, complete; its sections; its plots."""

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from dagan_tf.errors import DaganError
from dagan_tf.metrics.bootstrap import Interval
from dagan_tf.metrics.pose_histogram import pose_histogram
from dagan_tf.reports.plots import Curve, plot_bars, plot_curves, plot_pose_histograms
from dagan_tf.reports.report import (
    Chart,
    Grid,
    Measurement,
    Section,
    Table,
    build_report,
    format_value,
    write_report,
)
from dagan_tf.reports.sections import (
    curves_section,
    pose_section,
    read_metrics,
    samples_section,
)

_IMAGE = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)


def _pictures(html: str) -> list[np.ndarray]:
    found = re.findall(r'(?:src|srcset)="data:image/png;base64,([^"]+)"', html)
    return [np.array(Image.open(io.BytesIO(base64.b64decode(data)))) for data in found]


def _page(*sections: Section, **options) -> str:
    return build_report(sections, title="T", **options)


def test_the_page_asks_for_nothing() -> None:
    plot = plot_bars({"a": (0.5, 0.4, 0.6)})
    html = _page(
        samples_section([("r", [_IMAGE] * 4)]),
        Section("S", blocks=[Chart("C", plot), Table(["a"], [["b"]])]),
        commands=["run"],
    )
    for address in re.findall(r'(?:src|srcset|href)="([^"]*)"', html):
        assert address.startswith(("data:image/png;base64,", "#"))
    assert "url(" not in html
    assert "@import" not in html
    assert "<script" not in html
    assert "default-src 'none'" in html


def test_every_text_is_escaped() -> None:
    evil = "<i>&\"'"
    html = build_report(
        [
            Section(
                evil,
                evil,
                [Measurement(evil, 1.0, evil, evil, evil)],
                [
                    Table([evil], [[evil]], evil),
                    Grid([evil], [(evil, [_IMAGE])], evil),
                    Chart(evil, plot_bars({"a": (1, 0, 2)}), evil),
                ],
            )
        ],
        title=evil,
        summary=evil,
        commands=[evil],
        credits=[evil],
    )
    assert "<i>" not in html
    assert html.count("&lt;i&gt;&amp;&#34;&#39;") >= 16


def test_images_are_embedded_without_loss() -> None:
    other = 255 - _IMAGE[..., 0]
    html = _page(samples_section([("row", [_IMAGE, other, None])], columns=["a", "b", "c"]))
    pictures = _pictures(html)
    assert len(pictures) == 2
    np.testing.assert_array_equal(pictures[0], _IMAGE)
    np.testing.assert_array_equal(pictures[1], other)


def test_figures_commands_and_credits_are_printed() -> None:
    figure = Measurement("rank-1", 0.98734, "share", "higher is better", "python -m x")
    html = _page(
        Section("Figures", "First.\n\nSecond.", [figure, Measurement("speed", None)]),
        commands=["python -m trainer.simulate"],
        credits=["Photos: CC BY 4.0"],
    )
    for text in ("rank-1", "0.987", "share", "higher is better", "<code>python -m x</code>"):
        assert text in html
    for text in ("<p>First.</p>", "<p>Second.</p>", "–", "python -m trainer.simulate", "CC BY"):
        assert text in html


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.98734, "0.987"),
        (12.345, "12.3"),
        (1234.5, "1234"),
        (-0.5, "−0.500"),
        (0.0, "0.000"),
        (1.2e-6, "1.20e−06"),
        (158, "158"),
        ("text", "text"),
        (None, "–"),
        (float("nan"), "nan"),
        (Interval(0.5, 0.4, 0.6), "0.500 [0.400, 0.600]"),
    ],
)
def test_numbers(value, text: str) -> None:
    assert format_value(value) == text


def test_rows_must_fit_the_columns() -> None:
    with pytest.raises(ValueError, match="1 of 2 cells"):
        Table(["a", "b"], [["x"]])
    with pytest.raises(ValueError, match="'r' has 1 of 2 images"):
        Grid(["a", "b"], [("r", [_IMAGE])])


def test_writing_is_atomic(tmp_path, monkeypatch) -> None:
    path = write_report(tmp_path / "new" / "report.html", "old")

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("dagan_tf.core.files.os.replace", fail)
    with pytest.raises(KeyboardInterrupt):
        write_report(path, "half")
    assert path.read_text() == "old"
    assert [entry.name for entry in path.parent.iterdir()] == ["report.html"]


def test_metrics_of_a_killed_and_resumed_training(tmp_path) -> None:
    path = tmp_path / "metrics.jsonl"
    records = [{"step": 1, "a": 1.0}, {"step": 2, "a": 2.0}, {"step": 2, "a": 5, "name": "x"}]
    records.append({"step": 3, "b": 1e3, "flag": True})
    path.write_text("\n".join(map(json.dumps, records)) + '\n{"step": 4, "a')
    metrics = read_metrics(path)
    assert sorted(metrics) == ["a", "b", "step"]
    np.testing.assert_array_equal(metrics["step"], [1, 2, 3])
    np.testing.assert_array_equal(metrics["a"], [1, 5, np.nan])
    np.testing.assert_array_equal(metrics["b"], [np.nan, np.nan, 1000])


def test_damaged_metrics_are_named(tmp_path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\nrubbish\n{"step": 2}\n')
    with pytest.raises(DaganError, match="line 2 is not a JSON object"):
        read_metrics(path)
    with pytest.raises(DaganError, match=r"absent\.jsonl: No such file"):
        read_metrics(tmp_path / "absent.jsonl")


def test_every_logged_number_that_changes_gets_a_curve() -> None:
    steps = np.arange(30.0)
    section = curves_section(
        {"step": steps, "convergence": steps, "oddity": steps, "constant": steps * 0}
    )
    titles = [block.title for block in section.blocks]
    assert "Convergence L_con" in titles
    assert "oddity" in titles
    assert "constant" not in titles
    assert curves_section({}).text == "No metrics were logged."


def test_pose_section_measures_the_balance() -> None:
    edges = [-90, -30, 30, 90]
    before, after = pose_histogram([0] * 6, edges), pose_histogram([-45, 0, 45], edges)
    section = pose_section(before, after)
    assert [item.value for item in section.measurements] == [0.0, pytest.approx(1.0)]
    assert len(_pictures(_page(section))) == 2
    with pytest.raises(ValueError, match="different bins"):
        pose_section(before, pose_histogram([0]))


def _ink(png: bytes) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(png)))[..., 3] > 0


def test_plots_differ_in_colour_only_between_themes() -> None:
    x = np.arange(200.0)
    y = np.sin(x / 20)
    y[50] = np.nan
    plot = plot_curves([Curve("a", x, y), Curve("b", x, -y)], y_label="v")
    assert plot.light != plot.dark
    np.testing.assert_array_equal(_ink(plot.light), _ink(plot.dark))


def test_long_curves_are_thinned_not_cut() -> None:
    """A step near the end of a million points must be seen."""
    x = np.arange(1_000_000.0)
    flat = plot_curves([Curve("a", x, np.sin(x))])
    stepped = plot_curves([Curve("a", x, np.sin(x) + 9.0 * (x > 950_000))])
    assert (_ink(flat.light) != _ink(stepped.light)).mean() > 0.005


def test_histograms_check_their_bins() -> None:
    with pytest.raises(ValueError, match="after has 2 counts; expected 3"):
        plot_pose_histograms([0, 1, 2, 3], [1, 2, 3], [1, 2])
    with pytest.raises(ValueError, match=r"curve 'a' has x \(2,\) and y \(3,\)"):
        plot_curves([Curve("a", np.zeros(2), np.zeros(3))])
