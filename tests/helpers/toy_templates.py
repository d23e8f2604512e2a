"""Small templates for tests."""

import numpy as np

from dagan_tf.protocols.protocol import Templates


def templates_of(face, media, media_template):
    count = max(media_template) + 1
    return Templates(
        np.arange(count).astype(str),
        np.arange(count).astype(str),
        np.array(face),
        np.array(media),
        np.arange(len(media_template)).astype(str),
        np.array(media_template),
    )
