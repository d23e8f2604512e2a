from dataclasses import replace

import numpy as np

from dagan_tf.protocols.building import FaceTable, TemplateTable
from dagan_tf.protocols.features import FaceFeatures
from dagan_tf.protocols.protocol import Pairs, Protocol, Search, Split
from dagan_tf.scoring.scoring import Settings, score_system


def toy(people, faces_each, searched):
    """Everybody's first face is the gallery, others the probes; or all pairs are compared."""
    faces, table = FaceTable(), TemplateTable()
    for person in range(people):
        for number in range(faces_each):
            name = f"{person}-{number}"
            table.add("here", name, str(person), "m", faces.add(name))
    templates, nobody = table.templates(), np.zeros(0, np.int64)
    first, second = np.triu_indices(len(templates), 1)
    same = templates.subjects[first] == templates.subjects[second]
    pairs = Pairs(first, second, same, np.zeros(len(first), int))
    gallery = np.arange(0, len(templates), faces_each)
    probes = np.setdiff1d(np.arange(len(templates)), gallery)
    searches = (Search("profile", gallery, probes),) if searched else ()
    split = Split("1", templates, pairs, searches, nobody, nobody.astype(str))
    return Protocol("toy", None, faces.faces(), (split,), ())


def features(protocol, spread):
    rng = np.random.default_rng(0)
    subjects = protocol.splits[0].templates.subjects.astype(int)
    vectors = rng.normal(size=(subjects.max() + 1, 8))[subjects]
    vectors = vectors + spread * rng.normal(size=vectors.shape)
    present = np.ones(len(vectors), bool)
    return FaceFeatures(vectors.astype(np.float32), present, None)


def test_intervals_hold_the_figures_and_those_that_cannot_be_had_are_named():
    protocol = toy(12, 3, searched=False)
    settings = Settings(fars=(0.1, 0.01, 1e-6), bootstrap=60)
    found = score_system("net", protocol, features(protocol, 0.8), settings=settings)
    assert set(found.intervals["pairs"]) == {"EER", "AUC", "TAR@FAR=0.1", "TAR@FAR=0.01"}
    for name, (low, high) in found.intervals["pairs"].items():
        assert low <= found.figures["pairs"][name][0] <= high
        assert low < high
    assert "can't be resolved" in found.refused["pairs"]["TAR@FAR=1e-06"]
    two = toy(2, 2, searched=False)
    found = score_system("net", two, features(two, 0.1), settings=Settings((0.5,), bootstrap=40))
    assert found.intervals == {"pairs": {}}
    assert "resamples hold both kinds" in found.refused["pairs"]["interval of EER"]


def test_a_search_is_scored_as_a_search():
    protocol = toy(12, 3, searched=True)
    found = score_system("net", protocol, features(protocol, 0.0), settings=Settings((0.1,)))
    assert found.figures["profile"]["rank-1"] == [1.0]
    assert found.figures["profile"]["TAR@FAR=0.1"] == [1.0]
    assert "pairs" not in found.figures
    assert not any("FNIR" in name for name in found.figures["profile"])  # all are mated


def test_each_search_is_scored_by_its_own_pairs():
    protocol = toy(12, 3, searched=True)
    split = protocol.splits[0]
    own = features(protocol, 0.0)
    # The third faces are everybody's but the person's own.
    third = np.arange(2, len(own.features), 3)
    own.features[third] = np.random.default_rng(1).normal(size=(len(third), 8))
    gallery, second = np.arange(0, len(own.features), 3), np.arange(1, len(own.features), 3)
    searches = (Search("own", gallery, second), Search("strange", gallery, third))
    protocol = replace(protocol, splits=(replace(split, searches=searches),))
    found = score_system("net", protocol, own, settings=Settings((0.1,)))
    assert found.figures["own"]["rank-1"] == [1.0]
    assert found.figures["own"]["EER"] == [0.0]
    assert found.figures["strange"]["rank-1"][0] < 0.5
    assert found.figures["strange"]["EER"][0] > 0.2
