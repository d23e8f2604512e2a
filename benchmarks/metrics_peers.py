"""Measures of the cases in CASES.npz by what this Python has of bob.measure, torch-fidelity and
clean-fid, into OUT.npz. Needs nothing of dagan_tf; `benchmarks.metrics_oracles` starts it.

PYTHON metrics_peers.py CASES.npz OUT.npz
"""

import importlib
import sys
from unittest import mock

import numpy as np


def by_bob(case, out):
    import bob.measure as bob

    genuine, impostor = case["scores"][case["same"]], case["scores"][~case["same"]]
    for asked, threshold in zip(case["asked"], case["thresholds"], strict=True):
        frr = bob.farfrr(impostor, genuine, float(threshold))[1]
        out["TAR at FAR"].append(1 - frr)
        own = bob.far_threshold(impostor, genuine, float(asked))
        out["FAR reached"].append(bob.farfrr(impostor, genuine, own)[0])
    searches = [
        (row[case["gallery"] != probe], row[case["gallery"] == probe])
        for row, probe in zip(case["table"], case["probes"], strict=True)
    ]
    mated = [one for one in searches if len(one[1])]
    rates = bob.cmc(mated)
    out["CMC"] += [rates[min(rank, len(rates) - 1)] for rank in range(len(case["gallery"]))]
    threshold = float(case["search_threshold"])
    for name, rank in (("TPIR, any rank", len(case["gallery"])), ("TPIR, rank 1", 1)):
        out[name].append(bob.detection_identification_rate(searches, threshold, rank))
    out["FPIR reached"].append(bob.false_alarm_rate(searches, threshold))


def by_torch_fidelity(case, out):
    import torch
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
    from torch_fidelity.metric_kid import kernel_mmd

    real, fake = torch.from_numpy(case["real"]), torch.from_numpy(case["fake"])
    settings = {
        "kid_kernel": "poly",
        "kid_kernel_poly_degree": 3,
        "kid_kernel_poly_gamma": None,
        "kid_kernel_poly_coef0": 1,
    }
    out["kernel distance"].append(kernel_mmd(case["real"], case["fake"], **settings))
    if case["real"].shape[1] > 1:  # its covariance of one feature is no matrix
        statistics = [fid_features_to_statistics(one) for one in (real, fake)]
        found = fid_statistics_to_metric(*statistics, verbose=False)
        out["Fréchet distance"].append(found["frechet_inception_distance"])
    else:
        out["Fréchet distance"].append(np.nan)


def by_clean_fid(case, out):
    from cleanfid.fid import fid_from_feats, kernel_distance

    out["Fréchet distance"].append(fid_from_feats(case["real"], case["fake"]))
    everything = len(case["real"])
    out["kernel distance"].append(kernel_distance(case["real"], case["fake"], 1, everything))


PEERS = {
    "bob.measure": ("bob.measure", by_bob),
    "torch-fidelity": ("torch_fidelity.metric_kid", by_torch_fidelity),
    "clean-fid": ("cleanfid.fid", by_clean_fid),
}
MEASURES = (
    "TAR at FAR", "FAR reached", "CMC", "TPIR, any rank", "TPIR, rank 1", "FPIR reached",
    "kernel distance", "Fréchet distance",
)  # fmt: skip


def main(cases_file, out_file):
    try:
        import torchvision  # noqa: F401
    except Exception:  # only networks use it, the kernels do not
        for name in ("", ".transforms", ".transforms.functional", ".datasets", ".models"):
            sys.modules["torchvision" + name] = mock.MagicMock()
    with np.load(cases_file) as archive:
        arrays = {name: archive[name] for name in archive.files}
    cases = {}
    for name, values in arrays.items():
        seed, key = name.split("/")
        cases.setdefault(int(seed), {})[key] = values
    results = {}
    for peer, (module, measure) in PEERS.items():
        try:
            importlib.import_module(module)
        except ImportError as error:
            print(f"{peer}: not in {sys.executable} ({error})", file=sys.stderr)
            continue
        out = {name: [] for name in MEASURES}
        for seed in sorted(cases):
            measure(cases[seed], out)
        results.update({f"{peer}/{name}": values for name, values in out.items() if values})
    np.savez(out_file, **results)


if __name__ == "__main__":
    main(*sys.argv[1:])
