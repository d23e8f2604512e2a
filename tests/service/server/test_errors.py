"""The table of docs/serving-errors.md, row by row: the same code and message as there."""

import re
from pathlib import Path

import grpc
import numpy as np
import pytest
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    predict_pb2,
)

from dagan_tf.service.server.limits import Limits
from dagan_tf.service.server.server import start_server
from tests.helpers.small_models import Caller, request, zeros
from tests.helpers.tiny_export import export_tiny

DOCS = Path(__file__).parents[3] / "docs" / "serving-errors.md"
PREDICT = "/tensorflow.serving.PredictionService/Predict"
METADATA = "/tensorflow.serving.PredictionService/GetModelMetadata"
STATUS = "/tensorflow.serving.ModelService/GetModelStatus"
RELOAD = "/tensorflow.serving.ModelService/HandleReloadConfigRequest"


@pytest.fixture(scope="module")
def call(tmp_path_factory):
    base = tmp_path_factory.mktemp("base")
    export_tiny(base)
    limits = Limits(
        max_message_bytes=2**20, max_images=4, max_pixels=10_000, max_decoded_pixels=20_000
    )
    running = start_server(base, port=0, limits=limits)
    with Caller(running.address) as caller:

        def call(method: str, message: object) -> bytes:
            data = message if isinstance(message, bytes) else message.SerializeToString()
            return caller.channel.unary_unary(method)(data, timeout=30)

        yield call
    running.stop()


def _spec(**spec: object) -> predict_pb2.PredictRequest:
    message = request(zeros())
    for field, value in spec.items():
        if field == "version":
            message.model_spec.version.value = value
        else:
            setattr(message.model_spec, field, value)
    return message


def _tensor(**changes: object) -> predict_pb2.PredictRequest:
    """A request whose tensor says one thing of itself and holds another."""
    message = request(zeros())
    tensor = message.inputs["images"]
    if "shape" in changes:
        del tensor.tensor_shape.dim[:]
        for size in changes["shape"]:
            tensor.tensor_shape.dim.add().size = size
    if "dtype" in changes:
        tensor.dtype = changes["dtype"]
    if changes.get("unknown_rank"):
        tensor.tensor_shape.unknown_rank = True
    if changes.get("one_value"):
        tensor.ClearField("tensor_content")
        tensor.int_val.append(1)
    return message


def _filter(*names: str) -> predict_pb2.PredictRequest:
    message = request(zeros())
    message.output_filter.extend(names)
    return message


def _encoded(*images: bytes) -> predict_pb2.PredictRequest:
    return request(signature="encoded", image_bytes=np.array(images, object))


def _strings(declared: int, *values: bytes) -> predict_pb2.PredictRequest:
    message = request(signature="encoded", image_bytes=np.array([b""] * declared, object))
    message.inputs["image_bytes"].ClearField("string_val")
    message.inputs["image_bytes"].string_val.extend(values)
    return message


def _classify(signature: str) -> classification_pb2.ClassificationRequest:
    message = classification_pb2.ClassificationRequest()
    message.model_spec.name = "dagan"
    message.model_spec.signature_name = signature
    return message


def _png_header(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big")


def _metadata(*fields: str, name: str | None = "dagan") -> object:
    message = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
    if name is not None:
        message.model_spec.name = name
    return message


def _status(name: str | None, version: int | None = None, label: str | None = None) -> object:
    message = get_model_status_pb2.GetModelStatusRequest()
    if name is not None:
        message.model_spec.name = name
    if version is not None:
        message.model_spec.version.value = version
    if label is not None:
        message.model_spec.version_label = label
    return message


def _reload(*models: dict[str, str]) -> object:
    message = model_management_pb2.ReloadConfigRequest()
    for fields in models:
        fields = {"name": "m", "base_path": "/absent", "model_platform": "tensorflow", **fields}
        message.config.model_config_list.config.add(**fields)
    return message


CASES = {
    "bytes that are no message": (
        PREDICT,
        b"\xff\xff\xff",
        "INVALID_ARGUMENT",
        "the request is no tensorflow.serving.PredictRequest",
    ),
    "no model spec": (
        PREDICT,
        predict_pb2.PredictRequest(),
        "INVALID_ARGUMENT",
        "Missing ModelSpec",
    ),
    "no model name": (
        PREDICT,
        _spec(name="", signature_name="x"),
        "INVALID_ARGUMENT",
        "ModelSpec has no name specified.",
    ),
    "unknown model": (
        PREDICT,
        _spec(name="other"),
        "NOT_FOUND",
        "Servable not found for request: Latest(other)",
    ),
    "unknown version": (
        PREDICT,
        _spec(version=8),
        "NOT_FOUND",
        "Servable not found for request: Specific(dagan, 8)",
    ),
    "unknown label": (
        PREDICT,
        _spec(version_label="stable"),
        "INVALID_ARGUMENT",
        "Unrecognized servable version label: stable",
    ),
    "unknown signature": (
        PREDICT,
        _spec(signature_name="absent"),
        "FAILED_PRECONDITION",
        'Serving signature key "absent" not found.',
    ),
    "missing input": (
        PREDICT,
        request(),
        "INVALID_ARGUMENT",
        "input size does not match signature: 0!=1 len({}) != len({images}). "
        "Sent extra: {}. Missing but required: {images}.",
    ),
    "extra input": (
        PREDICT,
        request(zeros(), more=zeros()),
        "INVALID_ARGUMENT",
        "input size does not match signature: 2!=1 len({images,more}) != len({images}). "
        "Sent extra: {more}. Missing but required: {}.",
    ),
    "wrong input key": (
        PREDICT,
        request(pixels=zeros()),
        "INVALID_ARGUMENT",
        "Signature input alias: images(feed name: serving_default_images:0) not found in request "
        "and no default value provided.",
    ),
    "wrong dtype": (
        PREDICT,
        request(zeros().astype(np.float32)),
        "INVALID_ARGUMENT",
        "input 'images' has dtype float32; expected uint8",
    ),
    "dtype that does not exist": (
        PREDICT,
        _tensor(dtype=999),
        "INVALID_ARGUMENT",
        "input 'images' has dtype number 999; expected uint8",
    ),
    "wrong rank": (
        PREDICT,
        request(zeros(2, 2, 3)),
        "INVALID_ARGUMENT",
        "input 'images' has shape (2, 2, 3); expected (None, None, None, 3)",
    ),
    "wrong number of channels": (
        PREDICT,
        request(zeros(1, 2, 2, 1)),
        "INVALID_ARGUMENT",
        "input 'images' has shape (1, 2, 2, 1); expected (None, None, None, 3)",
    ),
    "unknown rank": (
        PREDICT,
        _tensor(unknown_rank=True),
        "INVALID_ARGUMENT",
        "tensor parsing error: images",
    ),
    "negative dimension": (
        PREDICT,
        _tensor(shape=(-1, 2, 2, 3)),
        "INVALID_ARGUMENT",
        "tensor parsing error: images",
    ),
    "fewer bytes than the shape needs": (
        PREDICT,
        _tensor(shape=(2, 2, 2, 3)),
        "INVALID_ARGUMENT",
        "tensor parsing error: images",
    ),
    "empty batch": (
        PREDICT,
        request(zeros(0, 2, 2, 3)),
        "INVALID_ARGUMENT",
        "no images, or images of no height or width, cannot be refined",
    ),
    "images without height": (
        PREDICT,
        request(zeros(1, 0, 2, 3)),
        "INVALID_ARGUMENT",
        "no images, or images of no height or width, cannot be refined",
    ),
    "unknown output": (
        PREDICT,
        _filter("other"),
        "INVALID_ARGUMENT",
        "output tensor alias not found in signature: other "
        "Outputs expected to be in the set {refined}.",
    ),
    "output asked for twice": (
        PREDICT,
        _filter("refined", "refined"),
        "INVALID_ARGUMENT",
        "duplicate output tensor alias: refined",
    ),
    "bytes that are no image": (
        PREDICT,
        _encoded(b"no image"),
        "INVALID_ARGUMENT",
        "Unknown image file format. One of JPEG, PNG, GIF, BMP required.",
    ),
    "three files declared, none sent": (
        PREDICT,
        _strings(3),
        "INVALID_ARGUMENT",
        "Unknown image file format.",
    ),
    "more files than declared": (
        PREDICT,
        _strings(1, b"a", b"b"),
        "INVALID_ARGUMENT",
        "tensor parsing error: image_bytes",
    ),
    "image cut off": (
        PREDICT,
        _encoded(_png_header(2, 2)),
        "INVALID_ARGUMENT",
        "PNG",
    ),
    "encoded image too large": (
        PREDICT,
        _encoded(_png_header(60_000, 60_000)),
        "RESOURCE_EXHAUSTED",
        "input 'image_bytes'[0] declares 60000 x 60000 pixels",
    ),
    "too many pixels": (
        PREDICT,
        request(zeros(1, 101, 100, 3)),
        "RESOURCE_EXHAUSTED",
        "input 'images' of shape (1, 101, 100, 3) holds 10100 pixels; expected at most 10000",
    ),
    "too many images": (
        PREDICT,
        request(zeros(5, 2, 2, 3)),
        "RESOURCE_EXHAUSTED",
        "input 'images' holds 5 images; expected at most 4",
    ),
    "one value for a huge tensor": (
        PREDICT,
        _tensor(shape=(2**40, 2**40, 1, 3), one_value=True),
        "RESOURCE_EXHAUSTED",
        "expected at most 1048576",
    ),
    "message too large": (
        PREDICT,
        request(zeros(4, 300, 300, 3)),
        "RESOURCE_EXHAUSTED",
        "larger than max",
    ),
    "unknown method": (
        "/tensorflow.serving.PredictionService/Absent",
        b"",
        "UNIMPLEMENTED",
        "Method not found!",
    ),
    "classify without model spec": (
        "/tensorflow.serving.PredictionService/Classify",
        classification_pb2.ClassificationRequest(),
        "INVALID_ARGUMENT",
        "Missing ModelSpec",
    ),
    "classify with a signature of prediction": (
        "/tensorflow.serving.PredictionService/Classify",
        _classify(""),
        "INVALID_ARGUMENT",
        "Expected classification signature method_name to be tensorflow/serving/classify. "
        "Was: tensorflow/serving/predict",
    ),
    "classify with an unknown signature": (
        "/tensorflow.serving.PredictionService/Classify",
        _classify("absent"),
        "INVALID_ARGUMENT",
        "No signature was found with the name: absent",
    ),
    "several inferences": (
        "/tensorflow.serving.PredictionService/MultiInference",
        b"",
        "UNIMPLEMENTED",
        "use TensorFlow Serving",
    ),
    "metadata without model spec": (
        METADATA,
        _metadata("signature_def", name=None),
        "INVALID_ARGUMENT",
        "Missing ModelSpec",
    ),
    "metadata without field": (
        METADATA,
        _metadata(),
        "INVALID_ARGUMENT",
        "GetModelMetadataRequest must specify at least one metadata_field",
    ),
    "metadata of unknown field": (
        METADATA,
        _metadata("other"),
        "INVALID_ARGUMENT",
        "Metadata field other is not supported",
    ),
    "metadata of unknown model": (
        METADATA,
        _metadata("signature_def", name="other"),
        "NOT_FOUND",
        "Servable not found for request: Latest(other)",
    ),
    "status without model spec": (STATUS, _status(None), "INVALID_ARGUMENT", "Missing ModelSpec"),
    "status of unknown model": (
        STATUS,
        _status("other"),
        "NOT_FOUND",
        "Could not find any versions of model other",
    ),
    "status of unknown version": (
        STATUS,
        _status("dagan", 8),
        "NOT_FOUND",
        "Could not find version 8 of model dagan",
    ),
    "status without model name": (
        STATUS,
        _status(""),
        "NOT_FOUND",
        "Could not find any versions of model",
    ),
    "reload without model list": (
        RELOAD,
        model_management_pb2.ReloadConfigRequest(),
        "INVALID_ARGUMENT",
        "ServerModelConfig type not supported by HandleReloadConfigRequest. "
        "Only ModelConfigList is currently supported",
    ),
    "reload with a model twice": (
        RELOAD,
        _reload({}, {}),
        "INVALID_ARGUMENT",
        "Illegal to list model m multiple times in config list",
    ),
    "reload without platform": (
        RELOAD,
        _reload({"model_platform": ""}),
        "INVALID_ARGUMENT",
        "Illegal setting neither ModelServerConfig::model_type (deprecated) nor "
        "ModelServerConfig::model_platform.",
    ),
    "reload with type and platform": (
        RELOAD,
        _reload({"model_type": 1}),
        "INVALID_ARGUMENT",
        "Illegal setting both ModelServerConfig::model_type (deprecated) and "
        "ModelServerConfig::model_platform.",
    ),
    "reload with another type": (
        RELOAD,
        _reload({"model_type": 2, "model_platform": ""}),
        "INVALID_ARGUMENT",
        "ModelServerConfig::model_type choice 2 not supported.",
    ),
    "reload without model name": (
        RELOAD,
        _reload({"name": ""}),
        "INVALID_ARGUMENT",
        "Illegal to list a model without a name in config list",
    ),
    "reload with unknown platform": (
        RELOAD,
        _reload({"model_platform": "caffe"}),
        "INVALID_ARGUMENT",
        "Model m requests unsupported platform caffe",
    ),
    "reload that changes a platform": (
        RELOAD,
        _reload({"name": "dagan", "model_platform": "caffe"}),
        "INVALID_ARGUMENT",
        "Illegal to change a model's platform. For model dagan platform was tensorflow and new "
        "platform requested is caffe",
    ),
    "reload wrong in two ways": (
        RELOAD,
        _reload({"model_platform": ""}, {"name": "n"}, {"name": "n"}),
        "INVALID_ARGUMENT",
        "Illegal to list model n multiple times in config list",
    ),
    "reload with relative path": (
        RELOAD,
        _reload({"base_path": "models/m"}),
        "INVALID_ARGUMENT",
        "Expected model m to have an absolute path or URI; got base_path()=models/m",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_error(call, case):
    method, message, code, details = CASES[case]
    with pytest.raises(grpc.RpcError) as caught:
        call(method, message)
    assert caught.value.code().name == code, caught.value.details()
    assert details in caught.value.details()


def test_the_page_lists_these_cases_with_these_codes():
    rows = re.findall(r"^\| ([^|]+) \| ([A-Z_]+) \|", DOCS.read_text("utf-8"), re.MULTILINE)
    assert [case for case, _ in rows] == list(CASES)
    assert [code for _, code in rows] == [code for _, _, code, _ in CASES.values()]


def test_numbers_that_are_none_are_answered_with_such(call):
    message = request(np.full((1, 2, 2, 3), np.nan, np.float32), signature="float")
    response = predict_pb2.PredictResponse.FromString(call(PREDICT, message))
    assert np.isnan(list(response.outputs["refined"].float_val)).all()


def test_the_server_answers_after_all_of_it(call):
    for method, message, _, _ in CASES.values():
        with pytest.raises(grpc.RpcError):
            call(method, message)
    assert call(PREDICT, request(zeros()))
