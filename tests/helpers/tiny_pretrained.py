"""A refiner of a few weights, packaged in a folder of the test's own."""

import hashlib
import json
from dataclasses import asdict

from dagan_tf.config.sections import DiscriminatorConfig, GeneratorConfig
from dagan_tf.gan.discriminator import build_discriminator
from dagan_tf.gan.generator import build_generator
from dagan_tf.pretrained import card
from dagan_tf.pretrained.weights import write_weights

GENERATOR = GeneratorConfig(filters=4, blocks=1, stem_kernel=3, downsample=2)
DISCRIMINATOR = DiscriminatorConfig(filters=4, bottleneck=8, convs_per_stage=1)
IMAGE_SIZE, IDENTITIES = 32, 3


def package_tiny(folder, monkeypatch, discriminator=True):
    """Writes it and makes it the packaged one; returns its two networks."""
    networks = build_generator(GENERATOR), None
    files = [folder / f"{card.DEFAULT}.npz"]
    write_weights(networks[0], files[0])
    if discriminator:
        networks = (
            networks[0],
            build_discriminator(DISCRIMINATOR, IMAGE_SIZE, IDENTITIES, "reconstruction"),
        )
        files.append(folder / f"{card.DEFAULT}-discriminator.npz")
        write_weights(networks[1], files[1])
    facts = {
        "name": card.DEFAULT,
        "image_size": IMAGE_SIZE,
        "stride": 2,
        "generator": asdict(GENERATOR),
        "discriminator": asdict(DISCRIMINATOR) if discriminator else None,
        "identities": IDENTITIES,
        "realism": "reconstruction",
        "sha256": {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files},
        "trained_on": [{"name": "toys", "licence": "CC0", "credit": "nobody"}],
        "licence": "CC0",
    }
    (folder / f"{card.DEFAULT}.json").write_text(json.dumps(facts))
    (folder / f"{card.DEFAULT}.md").write_text(f"# {card.DEFAULT}: toys")
    monkeypatch.setattr(card, "_folder", lambda: folder)
    return networks
