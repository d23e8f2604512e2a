"""What a SavedModel says about its signatures, read without loading it."""

from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from dagan_tf.export.locations import Location
from dagan_tf.export.versions import SAVED_MODEL_FILE


def read_signature_defs(folder: Location) -> dict[str, meta_graph_pb2.SignatureDef]:
    """Signature name to SignatureDef of the SavedModel in a folder.

    Raises:
        OSError: There is none.
        ValueError: It has no graph tagged `serve`.
        DecodeError: The file is damaged.
    """
    saved_model = saved_model_pb2.SavedModel.FromString((folder / SAVED_MODEL_FILE).read_bytes())
    for graph in saved_model.meta_graphs:
        if "serve" in graph.meta_info_def.tags:
            return dict(graph.signature_def)
    raise ValueError(f"{folder}: no graph tagged 'serve'")
