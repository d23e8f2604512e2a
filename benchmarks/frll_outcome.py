"""What the comparison on the London Set says: the report's table, and which side is the better."""

from collections import Counter

from dagan_tf.evaluation.comparison import Row
from dagan_tf.metrics.resampling import Interval
from dagan_tf.reports.plots import plot_bars
from dagan_tf.reports.report import Block, Chart, Measurement, Section, Table

# Beginning of a measure's name -> is more better? Others are neither.
BETTER_HIGHER = {
    "two-sample": False,
    "pass as real": True,
    "AUC": False,
    "fresh AUC": False,
    "kernel distance": False,
    "Fréchet distance": False,
    "dlib distance": False,
    "MobileFaceNet distance": False,
    "dlib rank-1": True,
    "MobileFaceNet rank-1": True,
    "difference from own photo": False,
    "yaw error": False,
}
CREDITS = (
    "Photos: Face Research Lab London Set (DeBruine and Jones, 2017, doi "
    "10.6084/m9.figshare.5047666.v5), CC BY 4.0; cropped, turned and refined here.",
    "Landmarks and the 128-D embedding: dlib's models; the 68-point model was trained on iBUG "
    "300-W, which is not for commercial use. MobileFaceNet (192-D) was used for measuring only.",
)


def better(name: str, columns: dict[str, Row]) -> str:
    """ "yes" or "no": is the refined figure the better one; "" where neither is better."""
    kinds = [kind for kind in BETTER_HIGHER if name.startswith(kind)]
    before, after = (columns[column].get(name) for column in ("simulated", "refined"))
    if not kinds or before is None or after is None:
        return ""
    a, b = (v.value if isinstance(v, Interval) else v for v in (before, after))
    if a == b:
        return "equal"
    return "yes" if (b > a) == BETTER_HIGHER[kinds[0]] else "no"


def outcome_section(
    columns: dict[str, Row], gains: Row, rows: list[list], facts: dict[str, object]
) -> Section:
    verdicts = Counter(row[-1] for row in rows if row[-1])
    table = Table(
        ["measure", *columns, "refined better"],
        rows,
        "Real: photos of the test people before the same judges; its distances are to photos of "
        "the training people, so in the spaces of identity networks they also hold the "
        "difference between people. Pass as real: judges trained once, on real and simulated "
        "faces of the training people. They are easily fooled by whatever the simulated faces "
        "all share: to add the mean difference between real and simulated faces is enough. "
        "Fresh AUC: judges trained on real faces and the column's own kind, which know the "
        "refiner's own marks; the harder test. Two-sample: cross-validated by person on the test "
        "people alone. Identity is measured on views of neutral photos, rank-1 against "
        "everybody's smiling frontal photo. Approach: distance before less distance after, of "
        "each face; above 0 refining brought it nearer. Margins still tell degrees where an "
        "AUC is 1. Kernel and Fréchet distances are on features standardised by real photos of the "
        "training people; they are neither KID nor FID.",
    )
    blocks: list[Block] = []
    for judge in [name for name in columns["real"] if name.startswith("pass as real")]:
        bars = {
            column: (row[judge].value, row[judge].low, row[judge].high)
            for column, row in columns.items()
        }
        blocks.append(Chart(judge[0].upper() + judge[1:], plot_bars(bars, x_label="share")))
    measurements = [
        Measurement(
            f"Gain in kernel distance, {space}",
            gain,
            "",
            "simulated minus refined, both to real; above 0 = refining brought faces nearer",
        )
        for space, gain in gains.items()
    ]
    text = (
        f"Of {sum(verdicts.values())} measures that know a better side, the refined faces are "
        f"better on {verdicts['yes']}, worse on {verdicts['no']}. Trained on "
        f"{facts['training people']} people, {facts['real training photos']} real photos."
    )
    return Section("Outcome", text, measurements, [table, *blocks])
