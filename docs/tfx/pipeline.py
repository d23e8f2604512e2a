"""A TFX pipeline around `trainer.tfx_module`: ExampleGen, Trainer, Blesser, Pusher.

    pip install tfx dagan-tf
    python pipeline.py RECORDS PIPELINE_ROOT PUSH_TO

RECORDS is what a training has packed, MODEL_DIR/records: the folders `simulated` and `real` with
four TFRecord files each. The last file of each is the eval split. Pusher copies the SavedModel, if
it is blessed, to PUSH_TO/<timestamp>, which TensorFlow Serving and serving.server take for a
version. `scripts/tfx_in_chroot` runs this with TFX 1.21.0.
"""

import os
import sys
from collections.abc import Mapping
from typing import Any

from tfx import v1 as tfx

from trainer.tfx_blessing import Blesser

CUSTOM_CONFIG = {
    "config": "face-64",
    "overrides": ["training.max_minutes=0"],
    "training_data": "Say whose photos these are.",
}


def make_pipeline(
    records: str,
    root: str,
    push_to: str,
    *,
    steps: int = 6000,
    eval_steps: int = 50,
    custom_config: Mapping[str, Any] = CUSTOM_CONFIG,
    with_schema: bool = False,
    run_fn: str = "trainer.tfx_module.run_fn",
) -> tfx.dsl.Pipeline:
    """ExampleGen -> Trainer -> Blesser -> Pusher; with a schema, TFX itself reads the Examples."""
    splits = [
        tfx.proto.Input.Split(name="train", pattern="*/records-0000[0-2]-of-00004.tfrecord"),
        tfx.proto.Input.Split(name="eval", pattern="*/records-00003-of-00004.tfrecord"),
    ]
    example_gen = tfx.components.ImportExampleGen(
        input_base=records, input_config=tfx.proto.Input(splits=splits)
    )
    components, schema = [example_gen], {}
    if with_schema:
        statistics_gen = tfx.components.StatisticsGen(examples=example_gen.outputs["examples"])
        schema_gen = tfx.components.SchemaGen(
            statistics=statistics_gen.outputs["statistics"], infer_feature_shape=True
        )
        components += [statistics_gen, schema_gen]
        schema = {"schema": schema_gen.outputs["schema"]}
    trainer = tfx.components.Trainer(
        run_fn=run_fn,
        examples=example_gen.outputs["examples"],
        train_args=tfx.proto.TrainArgs(num_steps=steps),
        eval_args=tfx.proto.EvalArgs(num_steps=eval_steps),
        custom_config=dict(custom_config),
        **schema,
    )
    # In the place of InfraValidator, which starts TensorFlow Serving in Docker, and of Evaluator,
    # which wants labels: loads the model as TensorFlow Serving does and compares its answers.
    blesser = Blesser(model=trainer.outputs["model"])
    pusher = tfx.components.Pusher(
        model=trainer.outputs["model"],
        model_blessing=blesser.outputs["blessing"],
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(base_directory=push_to)
        ),
    )
    return tfx.dsl.Pipeline(
        pipeline_name="dagan",
        pipeline_root=root,
        components=[*components, trainer, blesser, pusher],
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            os.path.join(root, "metadata.db")
        ),
    )


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    tfx.orchestration.LocalDagRunner().run(make_pipeline(*map(os.path.abspath, sys.argv[1:])))
