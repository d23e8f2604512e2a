"""Our measures against independent ones on random cases with ties: the greatest differences.

python -m benchmarks.metrics_oracles --cases=1000 --pythons=BOB/bin/python,TORCH/bin/python

scikit-learn and SciPy are asked in this process; bob.measure, torch-fidelity and clean-fid, each
left out where it is not installed, by the Pythons named, since their demands (NumPy below 2,
PyTorch) do not go with ours. A difference is |a - b| / max(1, |b|). Ends with 1 where one is above
1e-9. What differs by definition is not compared: bob.measure's EER is the half sum at the nearest
threshold, ours the crossing of the ROC's polyline; its FAR threshold is the lowest impostor
accepted, ours lies just above the highest refused, so its TAR is asked for at our threshold.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from absl import flags
from tqdm import tqdm

from benchmarks.oracles import FPIR, ORACLES, Case, Values, difference, ours, random_case
from dagan_tf.core.program import run_app
from dagan_tf.errors import DaganError
from dagan_tf.metrics.identification import open_set, search

FLAGS = flags.FLAGS
flags.DEFINE_integer("cases", 1000, "Random cases, half of them with ties.", lower_bound=1)
flags.DEFINE_list("pythons", [], "Pythons that have bob.measure, torch-fidelity or clean-fid.")

LIMIT = 1e-9


def as_arrays(case: Case) -> dict[str, np.ndarray]:
    """What a peer needs; our thresholds too."""
    points = case.points()
    found = open_set(search(case.table, case.probes, case.gallery), FPIR)
    return {
        "scores": case.scores.astype(np.float64),
        "same": case.same,
        "asked": np.array([point.asked for point in points]),
        "thresholds": np.array([point.threshold for point in points]),
        "table": case.table,
        "probes": case.probes,
        "gallery": case.gallery,
        "search_threshold": np.array(found.threshold),
        "real": case.real,
        "fake": case.fake,
    }


def by_peers(python: str, archive: Path) -> dict[str, Values]:
    """From a peer's name to its values of all cases."""
    out = archive.with_name("peers.npz")
    command = [python, str(Path(__file__).with_name("metrics_peers.py")), str(archive), str(out)]
    try:
        done = subprocess.run(command, check=False)
    except OSError as error:
        raise DaganError(f"--pythons: {python}: {error}") from None
    if done.returncode:
        raise DaganError(f"--pythons: {python} ended with {done.returncode}")
    found: dict[str, Values] = {}
    with np.load(out) as results:
        for name in results.files:
            peer, measure = name.split("/")
            found.setdefault(peer, {})[measure] = results[name].tolist()
    return found


def main(argv: list[str]) -> None:
    del argv
    mine: Values = {}
    theirs: dict[str, Values] = {name: {} for name in ORACLES}
    arrays: dict[str, np.ndarray] = {}
    for seed in tqdm(range(FLAGS.cases), unit="case"):
        case = random_case(seed)
        for values, own in (
            (ours(case), mine),
            *((f(case), theirs[n]) for n, f in ORACLES.items()),
        ):
            for measure, found in values.items():
                own.setdefault(measure, []).extend(found)
        arrays.update({f"{seed}/{name}": values for name, values in as_arrays(case).items()})
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "cases.npz"
        np.savez(archive, **arrays)
        for python in FLAGS.pythons:
            theirs |= by_peers(python, archive)
    worst = 0.0
    print(f"{FLAGS.cases} cases")
    for oracle, values in theirs.items():
        for measure, expected in values.items():
            # What a peer can't do of a case it answers by NaN.
            asked = [place for place, value in enumerate(expected) if not np.isnan(value)]
            gap = float("inf")
            if len(expected) == len(mine[measure]):
                gap = difference(
                    [mine[measure][place] for place in asked], [expected[place] for place in asked]
                )
            worst = max(worst, gap)
            print(f"{measure:20} {oracle:15} {len(asked):8} values, greatest difference {gap:.1e}")
    print(f"greatest of all {worst:.1e}, limit {LIMIT:g}")
    if worst > LIMIT:
        sys.exit(1)


if __name__ == "__main__":
    run_app(main)
