"""Puts a training's refiner into the package: float16 weights and the card as data and in words.

    python scripts/pack_pretrained.py --model_dir=MODEL_DIR --facts=FACTS.json [--name=face-224]

FACTS.json has what a training does not know of itself: `trained_on` (a list of name, licence and
credit), `command`, `licence`, `figures` (name to text) and `not_for` (a list of sentences).
"""

import argparse
import dataclasses
import hashlib
import json
from pathlib import Path

from dagan_tf.config.settings import load_config
from dagan_tf.gan.adversaries import REALISM
from dagan_tf.loop.checkpoints import CONFIG_NAME
from dagan_tf.pretrained.card import DEFAULT
from dagan_tf.pretrained.model_folder import load_generator, read_identities
from dagan_tf.pretrained.weights import write_weights

FOLDER = Path(__file__).resolve().parents[1] / "dagan_tf" / "pretrained"
FACTS = ("trained_on", "command", "licence", "figures", "not_for")
MAX_BYTES = 8_000_000

_CARD = """\
# {name}: the refiner in the box

It takes the picture of a face that `trainer.simulate` has turned to another yaw, {image_size}
pixels a side, and returns the same view with skin, shade and tone nearer to a photo's. It does not
turn faces itself.

Trained on:
{trained_on}

by `{command}` (settings: `{name}.json`).

Licence of the weights: {licence}

## Figures
{figures}

## Not for
{not_for}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model_dir", type=Path, required=True)
    parser.add_argument("--facts", type=Path, required=True)
    parser.add_argument("--name", default=DEFAULT)
    parser.add_argument("--output", type=Path, default=FOLDER)
    args = parser.parse_args()
    config = load_config(args.model_dir / CONFIG_NAME)
    facts = json.loads(args.facts.read_text("utf-8"))
    missing = [key for key in FACTS if key not in facts]
    if missing:
        raise SystemExit(f"{args.facts}: lacks {', '.join(missing)}")
    # The discriminator would take the package over its limit; who fine-tunes starts a new one.
    files = [args.output / f"{args.name}.npz"]
    write_weights(load_generator(args.model_dir), files[0])
    size = sum(file.stat().st_size for file in files)
    if size > MAX_BYTES:
        raise SystemExit(f"the weights take {size} bytes; expected at most {MAX_BYTES}")
    card = {
        "name": args.name,
        "image_size": config.data.image_size,
        "stride": config.generator.stride,
        "generator": dataclasses.asdict(config.generator),
        "discriminator": None,
        # Their number only: who they are is nobody's business.
        "identities": len(read_identities(args.model_dir)),
        "realism": REALISM[config.loss.adversarial],
        "sha256": {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files},
        "settings": dataclasses.asdict(config),
        **{key: facts[key] for key in FACTS},
    }
    (args.output / f"{args.name}.json").write_text(json.dumps(card, indent=1) + "\n", "utf-8")
    words = {
        **card,
        "trained_on": "\n".join(
            f"- {data['name']} ({data['licence']}). {data['credit']}" for data in card["trained_on"]
        ),
        "figures": "\n".join(f"- {what}: {text}" for what, text in card["figures"].items()),
        "not_for": "\n".join(f"- {sentence}" for sentence in card["not_for"]),
    }
    (args.output / f"{args.name}.md").write_text(_CARD.format_map(words), "utf-8")
    print(f"{size / 1e6:.1f} MB in {args.output}")


if __name__ == "__main__":
    main()
