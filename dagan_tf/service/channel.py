"""What both ends of the line must agree on."""

# gRPC's own default of 4 MiB is reached by 28 uint8 or 7 float32 images of 224 x 224 pixels.
MAX_MESSAGE_BYTES = 256 * 2**20

# Room for names, shapes and framing around the pixels of a message.
MESSAGE_OVERHEAD_BYTES = 64 * 2**10

# Metadata by which this package's clients ask for pixels in `tensor_content`, a third of the bytes
# and a tenth of the work of one number each; TensorFlow Serving passes over it.
TENSOR_CONTENT = ("dagan-tensor-content", "1")


def message_options(max_message_bytes: int) -> list[tuple[str, int]]:
    """gRPC options that raise the size limit of messages in both directions."""
    return [
        ("grpc.max_send_message_length", max_message_bytes),
        ("grpc.max_receive_message_length", max_message_bytes),
    ]
