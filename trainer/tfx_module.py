"""The module file of TFX's Trainer component: `run_fn`, which it calls with its `FnArgs`.

Trainer(run_fn="trainer.tfx_module.run_fn", ...) where this package is installed, or
Trainer(module_file=<this file>, ...). docs/tfx/pipeline.py is a pipeline.
"""

from typing import Any


def run_fn(fn_args: Any) -> None:
    """Trains on TFX's Examples and writes the SavedModel to `fn_args.serving_model_dir`.

    Args:
        fn_args: See `dagan_tf.runs.tfx.run`.
    """
    from dagan_tf.runs.tfx import run

    run(fn_args)
