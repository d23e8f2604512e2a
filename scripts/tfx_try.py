"""Runs docs/tfx/pipeline.py with real TFX on made-up faces; `scripts/tfx_in_chroot` starts it.

    PYTHONPATH=. python scripts/tfx_try.py FOLDER

Three runs of a tiny training: as it is, with a schema (TFX then reads the Examples itself), and
with a Trainer whose export was damaged on its way, which must not be pushed.
"""

import runpy
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# The smallest networks and images: this is about what the components hand to each other.
TINY = [
    "data.image_size=16", "generator.filters=4", "generator.blocks=1", "generator.downsample=1",
    "generator.smooth=false",
    "discriminator.filters=4", "discriminator.bottleneck=6", "discriminator.convs_per_stage=1",
    "discriminator.downsample=1", "training.batch_size=4", "training.max_minutes=0",
    "training.warmup_steps=0",
]  # fmt: skip


def damaged_run_fn(fn_args: Any) -> None:
    """As `trainer.tfx_module.run_fn`, less the values of the weights."""
    from trainer.tfx_module import run_fn

    run_fn(fn_args)
    (values,) = Path(fn_args.serving_model_dir, "variables").glob("variables.data-*")
    values.unlink()


def main(folder: Path) -> int:
    """Runs all and prints what was pushed; 0 if that is what should be."""
    from tfx import v1 as tfx

    from dagan_tf.data.photos import list_photos
    from dagan_tf.export.refiner import Refiner
    from dagan_tf.folders.pack import pack_real, pack_simulated
    from tests.helpers.toy_folders import make_real, make_simulated

    make_pipeline = runpy.run_path(str(ROOT / "docs/tfx/pipeline.py"))["make_pipeline"]
    records = folder / "records"
    pack_simulated(make_simulated(folder / "simulated"), records / "simulated", image_size=16)
    real = list_photos(make_real(folder / "real"))
    pack_real(real, records / "real", image_size=16, aligned=True)
    wrong = 0
    runs: dict[str, dict[str, Any]] = {
        "plain": {},
        "with a schema": {"with_schema": True},
        "damaged": {"run_fn": "scripts.tfx_try.damaged_run_fn"},
    }
    for name, options in runs.items():
        root, pushed = folder / name.split()[-1], folder / f"pushed-{name.split()[-1]}"
        tfx.orchestration.LocalDagRunner().run(
            make_pipeline(
                *map(str, (records, root, pushed)),
                steps=3,
                eval_steps=1,
                custom_config={"config": "small-64", "overrides": TINY},
                **options,
            )
        )
        (verdict,) = root.glob("Blesser/blessing/*/*BLESSED")
        versions = sorted(version.name for version in pushed.glob("*"))
        print(f"{name}: {verdict.name}: {verdict.read_text().strip()}")
        print(f"{name}: pushed {versions}", flush=True)
        if versions:
            print(f"{name}: loaded {Refiner.load(pushed).label}", flush=True)
        expected = ("NOT_BLESSED", 0) if name == "damaged" else ("BLESSED", 1)
        wrong += (verdict.name, len(versions)) != expected
    return wrong


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
