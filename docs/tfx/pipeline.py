"""A TFX pipeline around `trainer.tfx_module`. Not run against real TFX here: it was only compiled.

    pip install tfx dagan-tf
    python pipeline.py RECORDS PIPELINE_ROOT PUSH_TO

RECORDS is what a training has packed, MODEL_DIR/records: the folders `simulated` and `real` with
four TFRecord files each. The last file of each is the eval split. Pusher copies the SavedModel to
PUSH_TO/<timestamp>, which TensorFlow Serving and serving.server take for a version.
"""

import os
import sys

from tfx import v1 as tfx


def make_pipeline(records: str, root: str, push_to: str) -> tfx.dsl.Pipeline:
    """ExampleGen -> Trainer -> Pusher."""
    splits = [
        tfx.proto.Input.Split(name="train", pattern="*/records-0000[0-2]-of-00004.tfrecord"),
        tfx.proto.Input.Split(name="eval", pattern="*/records-00003-of-00004.tfrecord"),
    ]
    example_gen = tfx.components.ImportExampleGen(
        input_base=records, input_config=tfx.proto.Input(splits=splits)
    )
    trainer = tfx.components.Trainer(
        run_fn="trainer.tfx_module.run_fn",
        examples=example_gen.outputs["examples"],
        train_args=tfx.proto.TrainArgs(num_steps=6000),
        eval_args=tfx.proto.EvalArgs(num_steps=50),
        custom_config={
            "config": "face-64",
            "overrides": ["training.max_minutes=0"],
            "training_data": "Say whose photos these are.",
        },
    )
    # No Evaluator: the export is blessed by the trainer itself, which fails when it is not.
    pusher = tfx.components.Pusher(
        model=trainer.outputs["model"],
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(base_directory=push_to)
        ),
    )
    return tfx.dsl.Pipeline(
        pipeline_name="dagan",
        pipeline_root=root,
        components=[example_gen, trainer, pusher],
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            os.path.join(root, "metadata.db")
        ),
    )


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    tfx.orchestration.LocalDagRunner().run(make_pipeline(*map(os.path.abspath, sys.argv[1:])))
