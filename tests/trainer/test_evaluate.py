"""trainer.evaluate on an IJB-A in small, scored by hand; its report in a real browser."""

import json
import shutil

import numpy as np
import pytest

from dagan_tf.core.files import writing_to
from tests.helpers.programs import run_program
from tests.helpers.toy_ijba import toy_features, write_toy

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")


def run(*options):
    return run_program("trainer.evaluate", *options)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    root = tmp_path_factory.mktemp("ijba")
    write_toy(root)
    toy_features(root / "f.npz")
    options = ("--protocol=ijba", f"--data={root}", "--fars=0.5,0.1", f"--output={root / 'out'}")
    methods = "--methods=mean,softmax"
    return root, run(*options, f"--features=toy={root / 'f.npz'}", methods)


def test_figures_are_those_worked_out_by_hand(evaluated):
    root, done = evaluated
    assert done.returncode == 0, done.stderr
    document = json.loads((root / "out" / "scores.json").read_text())
    assert document["command"].startswith("python -m trainer.evaluate --protocol=ijba")
    assert document["seed"] == 0
    assert document["date"][:2] == "20"
    figures = document["systems"]["toy, mean"]["figures"]["pairs"]
    # 1.2 = .8 is genuine. Even splits: impostors 0 and .6, one may pass, .8 does. Odd: the
    # impostors are .8, a tie with the genuine pair, and 1: only the 1 may pass.
    assert figures["TAR@FAR=0.5"]["values"] == [0.0, 1.0] * 5
    assert (figures["TAR@FAR=0.5"]["mean"], figures["TAR@FAR=0.5"]["std"]) == (0.5, 0.5)
    # AUC 1 in even splits; in odd ones a tie and a loss: 1/4.
    assert figures["AUC"]["values"] == pytest.approx([0.25, 1.0] * 5)
    refused = document["systems"]["toy, mean"]["refused"]["pairs"]
    assert "FAR 0.1 can't be resolved by 2 trials" in refused["TAR@FAR=0.1"]
    assert "toy, mean\tpairs\tTAR@FAR=0.5\t0.500 ± 0.500" in done.stdout
    assert len(document["systems"]) == 2
    assert "pair" in done.stderr  # the progress bar


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a["features"].__setitem__((2, 0), np.nan), "row 2 (img/b1.jpg) hold values"),
        (lambda a: a["paths"].__setitem__(2, "img/x.jpg"), "no features of face 2, 'img/b1.jpg'"),
    ],
)
def test_bad_features_end_in_one_line(evaluated, tmp_path, change, message):
    root, _ = evaluated
    arrays = dict(np.load(root / "f.npz"))
    change(arrays)
    np.savez(tmp_path / "bad.npz", **arrays)
    options = ("--protocol=ijba", f"--data={root}", f"--output={tmp_path}")
    done = run(*options, f"--features=toy={tmp_path / 'bad.npz'}")
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "scores.json").exists()


def test_skipping_is_counted(evaluated, tmp_path):
    root, _ = evaluated
    arrays = dict(np.load(root / "f.npz"))
    kept = arrays["paths"] != "img/b2.jpg"
    np.savez(tmp_path / "f.npz", **{name: values[kept] for name, values in arrays.items()})
    options = ("--protocol=ijba", f"--data={root}", f"--output={tmp_path}", "--fars=0.5")
    done = run(*options, f"--features=toy={tmp_path / 'f.npz'}", "--missing=skip", "--noreport")
    assert done.returncode == 0, done.stderr
    skipped = json.loads((tmp_path / "scores.json").read_text())["systems"]["toy"]["skipped"]
    assert skipped["2"]["pairs"] == 2
    assert skipped["2"]["templates"] == 1
    assert "2 pairs, 0 probes" in done.stdout
    # Only the impostor pair is left in split 2: its TAR is refused, not 0.
    assert "split 2: 0 genuine" in done.stdout


def test_the_report_opens_offline_in_a_browser(evaluated):
    if not (BROWSER and DRIVER):
        pytest.skip("no Chromium with chromedriver here")
    selenium = pytest.importorskip("selenium.webdriver")
    root, _ = evaluated
    options = selenium.ChromeOptions()
    options.binary_location = BROWSER
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = selenium.ChromeService(DRIVER)
    browser = selenium.Chrome(options=options, service=service)
    try:
        browser.set_page_load_timeout(60)
        browser.get((root / "out" / "report.html").as_uri())
        assert browser.title == "IJB-A 1:1"
        headings = [found.text for found in browser.find_elements("tag name", "h2")]
        assert headings[:3] == ["Our figures", "Published by others", "Curves: pairs"]
        assert "Features" in headings
        tables = [found.text for found in browser.find_elements("tag name", "table")]
        assert "toy, mean" in tables[0]
        assert "OpenBR" not in tables[0]
        assert "OpenBR .433±.006" in tables[1]
        assert "toy" not in tables[1]
        loaded = browser.execute_script(
            "return [...document.images].map(one => [one.alt, one.complete && one.naturalWidth])"
        )
        assert {name for name, _ in loaded} >= {"ROC", "DET", "Scores", "t-SNE"}
        assert all(width for _, width in loaded)
        requests = [
            message["params"]["request"]["url"]
            for entry in browser.get_log("performance")
            if (message := json.loads(entry["message"])["message"])["method"]
            == "Network.requestWillBeSent"
        ]
        assert {url.split(":")[0] for url in requests} <= {"file", "data"}
        assert [e for e in browser.get_log("browser") if e["level"] == "SEVERE"] == []
    finally:
        browser.quit()


def test_a_second_evaluation_is_refused(evaluated, tmp_path):
    root, _ = evaluated
    with writing_to(tmp_path / "out"):
        done = run(
            "--protocol=ijba",
            f"--data={root}",
            f"--features=toy={root / 'f.npz'}",
            f"--output={tmp_path / 'out'}",
        )
    assert done.returncode == 2
    assert "another process is writing to it" in done.stderr
    assert not list((tmp_path / "out").iterdir())
