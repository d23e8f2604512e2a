"""`run_fn` with an object that has the fields of TFX's FnArgs; scripts/tfx_in_chroot has TFX."""

import collections
import json
import math
import py_compile
import shutil
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from dagan_tf.data.photos import list_photos
from dagan_tf.data.records import read_index
from dagan_tf.errors import DaganError
from dagan_tf.export.refiner import Refiner
from dagan_tf.folders.pack import pack_real, pack_simulated
from tests.helpers.toy_folders import make_real, make_simulated
from trainer import tfx_module

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
TINY = [
    "data.image_size=16", "generator.filters=4", "generator.blocks=1", "generator.downsample=1",
    "generator.smooth=false",
    "discriminator.filters=4", "discriminator.bottleneck=6", "discriminator.convs_per_stage=1",
    "discriminator.downsample=1", "training.batch_size=4", "training.max_minutes=0",
    "training.generator_learning_rate=0.01", "training.warmup_steps=0",
]  # fmt: skip


def _fn_args(root: Path, **changes):
    """All fields of tfx.components.trainer.fn_args_utils.FnArgs."""
    fields = {
        "working_dir": None,
        "train_files": [f"{root}/examples/Split-train/*"],
        "eval_files": [f"{root}/examples/Split-eval/*"],
        "train_steps": 3,
        "eval_steps": None,
        "schema_path": None,
        "schema_file": None,
        "transform_graph_path": None,
        "transform_output": None,
        # TFX always gives one, but it cannot parse Examples without a schema.
        "data_accessor": types.SimpleNamespace(tf_dataset_factory=None),
        "serving_model_dir": f"{root}/model/Format-Serving",
        "eval_model_dir": f"{root}/model/Format-TFMA",
        "model_run_dir": f"{root}/model_run",
        "base_model": None,
        "hyperparameters": None,
        "custom_config": {"config": "small-64", "overrides": TINY, "licence": "MIT"},
    }
    return types.SimpleNamespace(**{**fields, **changes})


@pytest.fixture(scope="module")
def examples(tmp_path_factory) -> Path:
    """What ImportExampleGen makes of packed records with the patterns of docs/tfx/pipeline.py."""
    root = tmp_path_factory.mktemp("tfx")
    records = root / "records"
    pack_simulated(
        make_simulated(root / "sim"), records / "simulated", image_size=16, progress=False
    )
    pack_real(
        list_photos(make_real(root / "real")),
        records / "real",
        image_size=16,
        aligned=True,
        progress=False,
    )
    for split, pattern in (
        ("train", "*/records-0000[0-2]-of-00004.tfrecord"),
        ("eval", "*/records-00003-of-00004.tfrecord"),
    ):
        assert pattern in (ROOT / "docs/tfx/pipeline.py").read_text()
        folder = root / "examples" / f"Split-{split}"
        folder.mkdir(parents=True)
        path = str(folder / "data_tfrecord-00000-of-00001.gz")
        with tf.io.TFRecordWriter(path, "GZIP") as writer:
            for record in tf.data.TFRecordDataset(sorted(map(str, records.glob(pattern)))):
                writer.write(record.numpy())
    return root


@pytest.fixture(scope="module")
def ran(examples):
    fn_args = _fn_args(examples)
    tfx_module.run_fn(fn_args)
    return fn_args


def test_saved_model_is_where_tfx_looks_for_it(ran, tmp_path):
    serving = Path(ran.serving_model_dir)
    assert (serving / "saved_model.pb").is_file()
    assert (serving / "assets.extra/tf_serving_warmup_requests").is_file()
    facts = json.loads((serving / "export.json").read_text())
    assert facts["blessing"]["blessed"] is True
    assert facts["blessing"]["process"] == "clean"
    assert facts["licence"] == "MIT"
    # 12 simulated views of 3 persons and 12 real photos in four files, three of them for training.
    assert facts["records"]["simulated"] == {"images": 9, "identities": 3}
    assert facts["records"]["real"]["images"] == 9
    # Pusher copies the folder under a number; that is a version.
    shutil.copytree(serving, tmp_path / "pushed" / "1732420000")
    images = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3)).astype(np.uint8)
    assert Refiner.load(tmp_path / "pushed")(images).shape == images.shape


def test_training_ran_as_asked(ran):
    run = Path(ran.model_run_dir)
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["step"] == 3
    assert read_index(run / "records/real").count == 9
    measured = json.loads((run / "eval.json").read_text())
    assert (measured["simulated_images"], measured["real_images"]) == (3, 3)
    assert all(math.isfinite(value) for value in measured.values())
    assert measured["refinement"] > 0
    assert measured["refined_realism_error"] != measured["simulated_realism_error"]


def test_accessor_is_used_when_it_has_a_schema(examples, tmp_path, monkeypatch):
    asked = []
    names = ("image/encoded", "mask/encoded", "identity", "source", "domain")
    spec = {name: tf.io.FixedLenFeature([1], tf.string) for name in names}
    spec |= {name: tf.io.FixedLenFeature([1], tf.float32) for name in ("yaw", "pitch", "roll")}
    spec |= {name: tf.io.FixedLenFeature([1], tf.int64) for name in ("image/height",)}

    def factory(patterns, options, schema):
        asked.append((patterns, options, schema))
        files = tf.io.gfile.glob(patterns)
        dataset = tf.data.TFRecordDataset(files, "GZIP").batch(options.batch_size)
        return dataset.map(lambda batch: tf.io.parse_example(batch, spec))

    Options = collections.namedtuple("Options", "batch_size num_epochs shuffle")
    # The three names of TFX's own packages that are used, with their signatures.
    from tensorflow.core.example import example_pb2

    schema_pb2 = types.SimpleNamespace(Schema=example_pb2.Example)
    for name, members in {
        "tfx_bsl": {},
        "tfx_bsl.public": {"tfxio": types.SimpleNamespace(TensorFlowDatasetOptions=Options)},
        "tensorflow_metadata": {},
        "tensorflow_metadata.proto": {},
        "tensorflow_metadata.proto.v0": {"schema_pb2": schema_pb2},
    }.items():
        module = types.ModuleType(name)
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, name, module)
    schema = tmp_path / "schema.pbtxt"
    schema.write_text("features {}")
    fn_args = _fn_args(
        examples,
        data_accessor=types.SimpleNamespace(tf_dataset_factory=factory),
        schema_path=str(schema),
        model_run_dir=str(tmp_path / "run"),
        serving_model_dir=str(tmp_path / "serving"),
        train_steps=1,
        eval_steps=1,
    )
    monkeypatch.setattr("dagan_tf.runs.tfx.export_model_dir", _fake_export)
    tfx_module.run_fn(fn_args)
    (train, options, given), (evaluated, _, _) = asked
    assert train == fn_args.train_files
    assert evaluated == fn_args.eval_files
    assert options == Options(batch_size=64, num_epochs=1, shuffle=False)
    assert isinstance(given, example_pb2.Example)
    assert read_index(tmp_path / "run/records/simulated").count == 9
    assert (tmp_path / "serving/deep/file").read_text() == "model"


def _fake_export(model_dir, base, **_):
    version = Path(base) / "1"
    (version / "deep").mkdir(parents=True)
    (version / "deep/file").write_text("model")
    return version


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"custom_config": {"presets": "a"}}, r"custom_config has \['presets'\]; expected some of"),
        ({"model_run_dir": "gs://bucket/run"}, "expected a local folder"),
        ({"train_files": ["/absent/*"]}, "no files match /absent"),
        (
            {"custom_config": {"config": "face-64", "overrides": ["training.batch_size=4"]}},
            "holds 16 px images, data.image_size is 64",
        ),
    ],
)
def test_what_cannot_be_is_refused(examples, tmp_path, changes, message):
    fn_args = _fn_args(examples, model_run_dir=str(tmp_path / "run"))
    fn_args.serving_model_dir = str(tmp_path / "serving")
    vars(fn_args).update(changes)
    with pytest.raises(DaganError, match=message):
        tfx_module.run_fn(fn_args)
    assert not (tmp_path / "serving").exists()


def test_pipeline_compiles(tmp_path):
    source = ROOT / "docs/tfx/pipeline.py"
    py_compile.compile(str(source), cfile=str(tmp_path / "pipeline.pyc"), doraise=True)
    assert '"trainer.tfx_module.run_fn"' in source.read_text()
    assert 'model_blessing=blesser.outputs["blessing"]' in source.read_text()
