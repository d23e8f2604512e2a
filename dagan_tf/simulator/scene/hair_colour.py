"""Colours that hair has, and the likeliest one where a photo hardly shows any hair."""

from __future__ import annotations

import numpy as np

# Hair is black, brown, blond, grey or red: green and blue over red lie within these limits, and
# green lies above the middle of red and blue, or brown would be pink or purple.
_GREEN_RED, _BLUE_RED = (0.55, 1.0), (0.25, 1.0)
# Brows are seen mixed with skin, and hair is hardly brighter than they: its brightness as a part of
# theirs, and at most as a part of the skin's.
_OF_BROWS, _OF_SKIN = 0.75, 0.5
# The darkest part of what lies round the brows is taken for them.
_BROW_SHARE = 0.04
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def plausible_hair(colours: np.ndarray) -> np.ndarray:
    """The nearest colours that hair has.

    Args:
        colours: (..., 3) RGB in [0, 255].

    Returns:
        (..., 3) float32 of the same brightness, as long as all channels stay below 255.
    """
    rgb = np.maximum(colours, 1.0).astype(np.float32)
    green = np.clip(rgb[..., 1] / rgb[..., 0], *_GREEN_RED)
    blue = np.clip(rgb[..., 2] / rgb[..., 0], *_BLUE_RED)
    hue = np.stack([np.ones_like(green), np.maximum(green, np.sqrt(blue)), blue], axis=-1)
    scale = (rgb @ _LUMA) / (hue @ _LUMA)
    return np.asarray(np.minimum(hue * scale[..., None], 255.0), np.float32)


def hair_like_brows(around_brows: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """A colour for hair that the photo does not show.

    Args:
        around_brows: (N, 3) RGB in [0, 255], pixels of the brows and of the skin round them.
        skin: (3,) the skin's colour.

    Returns:
        (3,) float32, one that hair has, darker than the skin.
    """
    luma = around_brows @ _LUMA
    darkest = luma <= np.quantile(luma, _BROW_SHARE)
    brows = np.median(around_brows[darkest], axis=0)
    most = _OF_SKIN * float(skin @ _LUMA)
    scale = min(_OF_BROWS, most / max(float(brows @ _LUMA), 1.0))
    return plausible_hair(brows * scale)
