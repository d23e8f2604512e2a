"""What `grpcurl` does, in Python: python reflect.py HOST:PORT

Lists the services and asks for the state of the model. Needs grpcio-reflection and no stubs: the
messages are learnt from the server.
"""

import sys

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

with grpc.insecure_channel(sys.argv[1]) as channel:
    database = ProtoReflectionDescriptorDatabase(channel)
    print("services:", *sorted(database.get_services()), sep="\n  ")
    pool = DescriptorPool(database)
    names = (
        "tensorflow.serving.GetModelStatusRequest",
        "tensorflow.serving.GetModelStatusResponse",
    )
    question, answer = (GetMessageClass(pool.FindMessageTypeByName(name)) for name in names)
    call = channel.unary_unary(
        "/tensorflow.serving.ModelService/GetModelStatus",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=answer.FromString,
    )
    request = json_format.ParseDict({"model_spec": {"name": "dagan"}}, question())
    print("GetModelStatus:", json_format.MessageToJson(call(request, timeout=10)))
