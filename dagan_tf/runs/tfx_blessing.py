"""What TFX's Pusher waits for: does what Trainer wrote run as TensorFlow Serving runs it?

TFX is not imported; `trainer.tfx_blessing` is the component.
"""

from dagan_tf.errors import DaganError
from dagan_tf.export.bless import bless_again
from dagan_tf.export.locations import locate, write_text

# Where Trainer puts what `run_fn` wrote, below the Model artifact.
SERVING_FOLDER = "Format-Serving"


def judge(model_uri: str, blessing_uri: str, *, clean_process: bool = True) -> tuple[bool, str]:
    """Blesses a model, or says why not, by a file BLESSED or NOT_BLESSED, as TFX's Evaluator does.

    The SavedModel is loaded by `tf.saved_model.load` and by TensorFlow's session loader, in
    processes of their own; all signatures must answer, and alike.

    Args:
        model_uri: Of the Model artifact, a path or URI.
        blessing_uri: Of the ModelBlessing artifact, a path or URI; the file is written there, and
            its text is the reason.
        clean_process: See `export.bless.bless`.

    Returns:
        Whether it is blessed, and the reason, one line.

    Raises:
        OSError: The file cannot be written.
    """
    try:
        folder = locate(model_uri) / SERVING_FOLDER
        difference = bless_again(folder, clean_process=clean_process)
        blessed, reason = True, f"largest difference between the two loaders {difference:.3g}"
    except (DaganError, OSError) as error:
        blessed, reason = False, " ".join(str(error).split())
    write_text(f"{reason}\n", locate(blessing_uri) / ("BLESSED" if blessed else "NOT_BLESSED"))
    return blessed, reason
