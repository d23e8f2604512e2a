"""Whether Pusher may push: the judgement, and the component around it with a stand-in for TFX."""

import importlib
import secrets
import shutil
import sys
import types

import pytest
import tensorflow as tf

from dagan_tf.export.locations import copy_tree, locate
from dagan_tf.runs import tfx_blessing
from tests.helpers.tiny_export import export_tiny


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A Model artifact's folder."""
    folder = tmp_path_factory.mktemp("model")
    export_tiny(folder / "base")
    (folder / "base/1").rename(folder / "Format-Serving")
    return folder


@pytest.mark.slow
def test_a_model_that_answers_is_blessed(model, tmp_path):
    blessing = tmp_path / "blessing/1"
    blessed, reason = tfx_blessing.judge(str(model), str(blessing), clean_process=False)
    assert blessed is True
    assert "difference between the two loaders" in reason
    assert (blessing / "BLESSED").read_text() == f"{reason}\n"
    assert [path.name for path in blessing.iterdir()] == ["BLESSED"]


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        ("variables/variables.data-00000-of-00001", "variables"),
        ("export.json", "expected what serving.export writes"),
        ("", "no such file"),
    ],
)
def test_a_model_that_does_not_is_not(model, tmp_path, lost, message):
    copy, blessing = tmp_path / "model", tmp_path / "blessing"
    if lost:
        shutil.copytree(model, copy)
        (copy / "Format-Serving" / lost).unlink()
    blessed, reason = tfx_blessing.judge(str(copy), str(blessing), clean_process=False)
    assert blessed is False
    assert message in reason.lower() or message in reason
    assert "\n" not in reason
    assert [path.name for path in blessing.iterdir()] == ["NOT_BLESSED"]


def test_artifacts_in_a_bucket(model):
    bucket = f"ram://{secrets.token_hex(4)}"
    copy_tree(model, locate(f"{bucket}/model"))
    judged = tfx_blessing.judge(f"{bucket}/model", f"{bucket}/blessing", clean_process=False)
    assert judged[0] is True
    assert tf.io.gfile.listdir(f"{bucket}/blessing") == ["BLESSED"]


@pytest.mark.parametrize("verdict", [(True, "good"), (False, "bad")])
def test_the_component_tells_pusher(monkeypatch, verdict):
    asked, properties = [], {}
    generic = types.SimpleNamespace
    components = generic(component=lambda function: function)
    for name, content in {
        "tfx": {"v1": generic(dsl=generic(components=components))},
        "tfx.v1": {},
        "tfx.v1.dsl": {},
        "tfx.v1.dsl.components": {"InputArtifact": list, "OutputArtifact": list},
        "tfx.v1.types": {},
        "tfx.v1.types.standard_artifacts": {"Model": int, "ModelBlessing": int},
    }.items():
        module = types.ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delitem(sys.modules, "trainer.tfx_blessing", raising=False)
    monkeypatch.setattr(tfx_blessing, "judge", lambda *uris: asked.append(uris) or verdict)
    component = importlib.import_module("trainer.tfx_blessing")
    blessing = generic(
        uri="there",
        set_int_custom_property=properties.__setitem__,
        set_string_custom_property=properties.__setitem__,
    )
    component.Blesser(model=generic(uri="here"), blessing=blessing)
    sys.modules.pop("trainer.tfx_blessing")
    assert asked == [("here", "there")]
    assert properties == {"blessed": int(verdict[0]), "reason": verdict[1]}
