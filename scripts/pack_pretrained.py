"""Puts a training's refiner into the package: float16 weights and the card as data and in words.

    python scripts/pack_pretrained.py --model_dir=MODEL_DIR --facts=FACTS.json [--name=face-224]
    python scripts/pack_pretrained.py --measured=OUTPUT/measure.json

FACTS.json has what a training does not know of itself: `trained_on` (a list of name, licence and
credit), `command`, `licence`, `figures` (name to text) and `not_for` (a list of sentences).
The second command puts what `trainer.measure` found by group of people, of views that the packaged
refiner made, into the card that is there.
"""

import argparse
import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

from dagan_tf.config.settings import load_config
from dagan_tf.gan.adversaries import REALISM
from dagan_tf.loop.checkpoints import CONFIG_NAME
from dagan_tf.pretrained.card import DEFAULT
from dagan_tf.pretrained.model_folder import load_discriminator, load_generator, read_identities
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
# Of what `trainer.measure` finds by group of people, what the card shows in words.
_SHOWN = (
    "dlib distance to real photo of that side",
    "dlib rank-1",
    "difference from own photo, grey levels",
    "change beside the outline, grey levels",
    "hue, distance to own photo",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model_dir", type=Path)
    parser.add_argument("--facts", type=Path)
    parser.add_argument("--measured", type=Path)
    parser.add_argument("--name", default=DEFAULT)
    parser.add_argument("--output", type=Path, default=FOLDER)
    args = parser.parse_args()
    if args.measured:
        card = json.loads((args.output / f"{args.name}.json").read_text("utf-8"))
        card["figures"].pop("by sex and ethnicity", None)
        card["groups"] = json.loads(args.measured.read_text("utf-8"))["groups"]
    elif args.model_dir and args.facts:
        card = new_card(args.model_dir, args.facts, args.output, args.name)
    else:
        raise SystemExit("expected --model_dir and --facts, or --measured")
    (args.output / f"{args.name}.json").write_text(json.dumps(card, indent=1) + "\n", "utf-8")
    (args.output / f"{args.name}.md").write_text(words(card), "utf-8")


def new_card(model_dir: Path, facts_file: Path, output: Path, name: str) -> dict[str, Any]:
    """Writes the weights; returns the card's facts."""
    config = load_config(model_dir / CONFIG_NAME)
    facts = json.loads(facts_file.read_text("utf-8"))
    missing = [key for key in FACTS if key not in facts]
    if missing:
        raise SystemExit(f"{facts_file}: lacks {', '.join(missing)}")
    files = [output / f"{name}.npz", output / f"{name}-discriminator.npz"]
    write_weights(load_generator(model_dir), files[0])
    write_weights(load_discriminator(model_dir), files[1])
    size = sum(file.stat().st_size for file in files)
    if size > MAX_BYTES:
        raise SystemExit(f"the weights take {size} bytes; expected at most {MAX_BYTES}")
    print(f"{size / 1e6:.1f} MB in {output}")
    return {
        "name": name,
        "image_size": config.data.image_size,
        "side": config.data.side,
        "stride": config.generator.stride,
        "generator": dataclasses.asdict(config.generator),
        "discriminator": dataclasses.asdict(config.discriminator),
        # Their number only: who they are is nobody's business.
        "identities": len(read_identities(model_dir)),
        "realism": REALISM[config.loss.adversarial],
        "sha256": {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files},
        "settings": dataclasses.asdict(config),
        **{key: facts[key] for key in FACTS},
    }


def words(card: dict[str, Any]) -> str:
    """The card in plain words."""
    shown = {
        **card,
        "trained_on": "\n".join(
            f"- {data['name']} ({data['licence']}). {data['credit']}" for data in card["trained_on"]
        ),
        "figures": "\n".join(f"- {what}: {text}" for what, text in card["figures"].items())
        + by_group(card.get("groups", [])),
        "not_for": "\n".join(f"- {sentence}" for sentence in card["not_for"]),
    }
    return _CARD.format_map(shown)


def by_group(groups: list[dict[str, Any]]) -> str:
    """A table of the groups; empty without any."""
    if not groups:
        return ""
    known = [
        name for name in _SHOWN if any(name in group["columns"]["refined"] for group in groups)
    ]
    lines = [
        "",
        "",
        "By group of people, simulated / refined (`trainer.measure`; few people: read with care):",
        "",
        f"| group | people | {' | '.join(known)} |",
        f"|---|---|{'---|' * len(known)}",
    ]
    for group in groups:
        before, after = (group["columns"][column] for column in ("simulated", "refined"))
        cells = [f"{_number(before.get(name))} / {_number(after.get(name))}" for name in known]
        lines.append(
            f"| {group['kind']}: {group['name']} | {group['people']} | {' | '.join(cells)} |"
        )
    return "\n".join(lines)


def _number(figure: Any) -> str:
    value = figure["value"] if isinstance(figure, dict) else figure
    return "–" if value is None else f"{value:.3g}"


if __name__ == "__main__":
    main()
