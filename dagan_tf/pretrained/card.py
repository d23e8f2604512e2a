"""Cards of the packaged networks: trained on what, how, and how good they are. No TensorFlow."""

import hashlib
import json
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from dagan_tf.errors import DaganError

DEFAULT = "face-224"
# Names the default one where the folder of a model is expected.
PRETRAINED = "pretrained"
_PACKAGE = "dagan_tf.pretrained"


class PretrainedError(DaganError):
    """Packaged weights that are absent, damaged, or of another network than wanted."""


@dataclass(frozen=True)
class Card:
    """What is known of a packaged refiner.

    Attributes:
        name: Of the refiner, and of its files.
        facts: The card's JSON: `image_size` and `side` (pixels), `stride`, `generator` and
            `discriminator` (sections of a configuration, the latter None where it is not packaged),
            `identities` (classes of that discriminator), `realism` (its form), `sha256` (by file
            name), `trained_on`, `command`, `licence`, `figures`, `not_for`.
    """

    name: str
    facts: dict[str, Any]

    @property
    def image_size(self) -> int:
        """Side of the images it was trained on, pixels."""
        return int(self.facts["image_size"])

    @property
    def side(self) -> int:
        """Of the images that its discriminator takes, pixels."""
        return int(self.facts.get("side", self.image_size))

    @property
    def digest(self) -> str:
        """SHA-256 of the generator's weights file, hexadecimal."""
        return str(self.facts["sha256"][f"{self.name}.npz"])

    @property
    def licence(self) -> str:
        """Under which the weights may be used."""
        return str(self.facts["licence"])

    @property
    def training_data(self) -> str:
        """What it was trained on, with licences and credits, in one line."""
        return "; ".join(
            f"{data['name']} ({data['licence']}): {data['credit']}"
            for data in self.facts["trained_on"]
        )

    def read_file(self, file_name: str) -> bytes:
        """One of the card's weights files, checked.

        Raises:
            PretrainedError: It is absent, or is not what the card says.
        """
        try:
            data = _folder().joinpath(file_name).read_bytes()
        except OSError as error:
            raise PretrainedError(
                f"{file_name}: the packaged weights cannot be read ({error}); install dagan-tf anew"
            ) from error
        found = hashlib.sha256(data).hexdigest()
        expected = self.facts["sha256"][file_name]
        if found != expected:
            raise PretrainedError(
                f"{file_name}: the packaged weights are damaged (SHA-256 {found}, expected"
                f" {expected}); install dagan-tf anew"
            )
        return data

    def markdown(self) -> str:
        """The card in plain words."""
        return _folder().joinpath(f"{self.name}.md").read_text("utf-8")


def packaged_names() -> list[str]:
    """Names of the refiners in the box."""
    return sorted(
        path.name.removesuffix(".json")
        for path in _folder().iterdir()
        if path.name.endswith(".json")
    )


def read_card(name: str = DEFAULT) -> Card:
    """Reads a card.

    Args:
        name: One of `packaged_names`.

    Raises:
        PretrainedError: No such refiner is packaged, or its card cannot be read.
    """
    if name not in packaged_names():
        raise PretrainedError(
            f"pretrained: got {name!r}, expected one of {', '.join(packaged_names()) or '(none)'}"
        )
    try:
        return Card(name, json.loads(_folder().joinpath(f"{name}.json").read_text("utf-8")))
    except (OSError, ValueError) as error:
        raise PretrainedError(f"{name}.json: the card cannot be read ({error})") from error


def _folder() -> Traversable:
    return resources.files(_PACKAGE)
