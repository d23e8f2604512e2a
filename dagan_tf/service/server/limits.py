"""What one request may cost: beyond it the answer is RESOURCE_EXHAUSTED, before any work."""

from dataclasses import dataclass

from dagan_tf.service.channel import MAX_MESSAGE_BYTES
from dagan_tf.service.server.image_header import declared_size
from dagan_tf.service.server.status import exhausted, invalid


@dataclass(frozen=True)
class Limits:
    """Limits of one request.

    Attributes:
        max_message_bytes: Largest message in both directions, and largest tensor declared.
        max_images: Most images (first dimension of an input).
        max_pixels: Most pixels of all images together. The default takes the full-sized
            generator (64 maps of float32 a layer) about 3 GiB.
        max_decoded_pixels: Most pixels that all encoded images of a request declare together;
            they are shrunk to the training size right after decoding, at 15 bytes a pixel.
    """

    max_message_bytes: int = MAX_MESSAGE_BYTES
    max_images: int = 64
    max_pixels: int = 2**22
    max_decoded_pixels: int = 2**26

    def check_tensor(self, name: str, shape: tuple[int, ...], item_bytes: int) -> None:
        """Checks what a tensor declares, before memory for it is taken.

        Args:
            name: Name of the input.
            shape: Shape it declares, all dimensions known.
            item_bytes: Bytes of one element.

        Raises:
            RequestError: RESOURCE_EXHAUSTED.
        """
        elements = 1  # Python's integers: a product of declared sizes passes any fixed width.
        for size in shape:
            elements *= size
        if elements * item_bytes > self.max_message_bytes:
            raise exhausted(
                f"input {name!r} of shape {shape} takes {elements * item_bytes} bytes; "
                f"expected at most {self.max_message_bytes}"
            )
        if shape and shape[0] > self.max_images:
            raise exhausted(
                f"input {name!r} holds {shape[0]} images; expected at most {self.max_images}"
            )
        if len(shape) == 4 and (pixels := shape[0] * shape[1] * shape[2]) > self.max_pixels:
            raise exhausted(
                f"input {name!r} of shape {shape} holds {pixels} pixels; "
                f"expected at most {self.max_pixels}"
            )

    def check_encoded(self, name: str, images: list[bytes]) -> None:
        """Checks what the headers of encoded images declare.

        Raises:
            RequestError: RESOURCE_EXHAUSTED, or INVALID_ARGUMENT when a header cannot be read.
        """
        pixels = 0
        for index, data in enumerate(images):
            size = declared_size(data)
            if size is None:
                raise invalid(
                    f"input {name!r}[{index}]: Unknown image file format. "
                    "One of JPEG, PNG, GIF, BMP required."
                )
            pixels += size[0] * size[1]
            if pixels > self.max_decoded_pixels:
                raise exhausted(
                    f"input {name!r}[{index}] declares {size[0]} x {size[1]} pixels, in all "
                    f"{pixels}; expected at most {self.max_decoded_pixels}"
                )
