"""Refines one PNG or JPEG: python bare_client.py HOST:PORT IN.png OUT.png"""

import sys

import grpc
from tensorflow import io, make_tensor_proto
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

address, source, target = sys.argv[1:]
request = predict_pb2.PredictRequest()
request.model_spec.name = "dagan"
request.model_spec.signature_name = "encoded"
request.inputs["image_bytes"].CopyFrom(make_tensor_proto([io.read_file(source).numpy()]))
stub = prediction_service_pb2_grpc.PredictionServiceStub(grpc.insecure_channel(address))
response = stub.Predict(request, timeout=60)
io.write_file(target, response.outputs["refined_bytes"].string_val[0])
