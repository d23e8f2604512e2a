"""A TFX component between Trainer and Pusher: blesses what loads as TensorFlow Serving loads it.

Blesser(model=trainer.outputs["model"]), and Pusher(..., model_blessing=blesser.outputs["blessing"])
pushes nothing that was not blessed. Needs TFX; docs/tfx/pipeline.py is a pipeline.
"""

from tfx import v1 as tfx
from tfx.v1.dsl.components import InputArtifact, OutputArtifact
from tfx.v1.types.standard_artifacts import Model, ModelBlessing


@tfx.dsl.components.component
def Blesser(model: InputArtifact[Model], blessing: OutputArtifact[ModelBlessing]) -> None:
    """Judges a model.

    Args:
        model: What Trainer wrote.
        blessing: Gets the property `blessed`, 1 or 0, which Pusher reads, and the `reason`.
    """
    from dagan_tf.runs.tfx_blessing import judge

    blessed, reason = judge(model.uri, blessing.uri)
    blessing.set_int_custom_property("blessed", int(blessed))
    blessing.set_string_custom_property("reason", reason)
