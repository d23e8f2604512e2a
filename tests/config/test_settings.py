"""Configurations: presets, overrides, refusals, round trips."""

import dataclasses
import re
from pathlib import Path

import pytest

from dagan_tf.config.reading import ConfigError, differences
from dagan_tf.config.sections import GeneratorConfig
from dagan_tf.config.settings import Config, load_config, preset_names
from dagan_tf.pretrained.card import read_card

ROOT = Path(__file__).parents[2]
PRESETS = [
    "paper-224",
    "face-64",
    "face-64-patch",
    "small-64",
    "fine-tune",
    "fine-tune-pairs",
    "digits",
    "face-96-patch",
    "face-224",
]


@pytest.mark.parametrize("path", sorted((ROOT / "dagan_tf/presets").rglob("*.yaml")), ids=str)
def test_presets_open_with_a_command_its_time_and_its_result(path):
    opening = path.read_text().split("\nname:")[0].split("\nbase:")[0]
    assert re.match(r"# python -m trainer\.\w+ ", opening)
    assert f"--config={path.stem}" in opening or path.stem == "digits"
    assert re.search("second|minute|hour|week|[Tt]ime was not", opening)
    assert re.search(r"docs/(results|lab-notebook)|not (measured|trained)|no result", opening)
    assert max(map(len, opening.splitlines())) <= 110


@pytest.mark.parametrize("name", PRESETS)
def test_presets_load_under_their_own_name(name):
    assert name in preset_names()
    assert load_config(name).name == name


def test_the_paper_s_sizes():
    config = load_config("paper-224")
    generator = config.generator
    assert config.data.image_size == 224
    assert (generator.filters, generator.blocks, generator.stem_kernel) == (64, 10, 7)
    assert not generator.input_skip
    assert generator.downsample == 1


@pytest.mark.parametrize("name", PRESETS)
def test_yaml_round_trip(tmp_path, name):
    config = load_config(name, ["training.generator_learning_rate=1e-7", "name='Ärger: 1'"])
    path = tmp_path / "config.yaml"
    config.save(path)
    assert load_config(path) == config
    assert [p.name for p in tmp_path.iterdir()] == ["config.yaml"]


def test_overrides_win_in_order_and_take_yaml_values():
    config = load_config(
        "small-64",
        ["training.steps=7", "training.steps=8", "loss.pose_weight=1e-3", "seed=3",
         "generator.smooth=false", "generator.input_skip=false", "loss.identity=sigmoid"],
    )  # fmt: skip
    assert (config.training.steps, config.loss.pose_weight, config.seed) == (8, 0.001, 3)
    assert config.generator.input_skip is False
    assert config.loss.identity == "sigmoid"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.stepps=1", "unknown key 'training.stepps'; did you mean 'training.steps'?"),
        ("trainning.steps=1", "unknown key 'trainning'; did you mean 'training'?"),
        ("training.steps=many", "training.steps = 'many': expected a whole number"),
        ("training.steps=1.5", "training.steps = 1.5: expected a whole number"),
        ("training.steps=true", "training.steps = True: expected a whole number"),
        ("training.steps=0", "training.steps = 0: expected at least 1"),
        ("loss.pose_weight=.nan", "loss.pose_weight = nan: expected a number"),
        ("loss.pose_weight=.inf", "loss.pose_weight = inf: expected a number"),
        ("loss.pose_weight=true", "loss.pose_weight = True: expected a number"),
        ("loss.pose_mask_weight=2", "loss.pose_mask_weight = 2.0: expected 0 to 1"),
        ("loss.adversarial=wgan", "loss.adversarial = 'wgan': expected one of began, literal, gan"),
        ("generator.input_skip=1", "generator.input_skip = 1: expected true or false"),
        ("generator.downsample=3", "generator.downsample = 3: expected one of 1, 2, 4"),
        ("generator=5", "generator = 5: expected a section with keys"),
        ("seed", "override 'seed': expected section.key=value"),
        ("seed.a=1", "override 'seed.a=1': 'seed' is a value, not a section"),
        ("seed=[", "override 'seed=[': the value is no YAML"),
        ("loss.adversarial=literal", "loss.initial_balance = 0"),
        ("loss.embedding_step=all", "loss.embedding_step = 'all': expected one of common, own"),
        ("data.image_size=65", "data.image_size = 65 is no multiple of generator.downsample = 2"),
    ],
)
def test_refusals_quote_key_value_and_expectation(override, message):
    with pytest.raises(ConfigError) as error:
        load_config("small-64", [override])
    assert message in str(error.value)


def test_steps_of_each_person_need_labelled_reals():
    with pytest.raises(ConfigError, match=r"'own' with data.identity_on_reals = False: .*common"):
        load_config("small-64", ["loss.embedding_step=own", "data.identity_on_reals=false"])


def test_a_smooth_change_needs_a_coarse_grid_and_the_input():
    with pytest.raises(ConfigError, match="got False and 2"):
        load_config("small-64", ["generator.smooth=true", "generator.input_skip=false"])
    assert load_config("face-64", ["generator.smooth=true"]).generator.smooth


def test_the_preset_of_the_box_is_what_its_card_says():
    """So `--config=NAME --init=pretrained` fits, and so does fine-tuning."""
    card = read_card()
    for name in (card.name, "fine-tune", "fine-tune-pairs"):
        config = load_config(name)
        assert config.generator == GeneratorConfig(**card.facts["generator"])
        assert config.data.image_size == card.image_size
        assert config.generator.stride == card.facts["stride"]


def test_a_literal_loss_needs_a_first_balance():
    overrides = ["loss.adversarial=literal", "loss.initial_balance=0.1"]
    assert load_config("small-64", overrides).loss.initial_balance == 0.1


def test_bad_sources(tmp_path):
    with pytest.raises(ConfigError, match=r"preset, one of digits, face-224, face-64, "):
        load_config("face64")
    with pytest.raises(ConfigError, match="no such file"):
        load_config(tmp_path / "absent.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [")
    with pytest.raises(ConfigError, match="no valid YAML"):
        load_config(broken)
    broken.write_text("- 1")
    with pytest.raises(ConfigError, match="keys and values"):
        load_config(broken)


def test_differences_name_the_dotted_keys():
    old = Config()
    new = dataclasses.replace(old, seed=4, loss=dataclasses.replace(old.loss, pose_weight=0.75))
    assert differences(old, new) == {"seed": (0, 4), "loss.pose_weight": (0.5, 0.75)}


def test_a_base_is_taken_over_but_for_what_is_stated(tmp_path):
    base, mine = load_config("face-64-patch"), load_config("face-96-patch")
    changed = differences(base, mine)
    assert changed["data.image_size"] == (64, 96)
    assert changed["loss.pose_weight"] == (1.5, 2.0)
    assert set(changed) == {
        "name", "data.image_size", "discriminator.downsample", "loss.pose_weight",
        "loss.embedding_weight", "loss.embedding_own_from", "loss.pose_colour_weight",
    }  # fmt: skip
    (tmp_path / "one.yaml").write_text("base: small-64\ntraining: {steps: 5}\n")
    (tmp_path / "two.yaml").write_text("base: one.yaml\nname: two\ntraining: {batch_size: 2}\n")
    config = load_config(tmp_path / "two.yaml", ["training.steps=6"])
    assert (config.name, config.training.steps, config.training.batch_size) == ("two", 6, 2)
    assert config.generator == load_config("small-64").generator


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ("b.yaml", r"a\.yaml': its base leads back to '.*a\.yaml'"),
        ("absent", "absent': expected a .yaml file or a preset, one of digits"),
        ("absent.yaml", r"absent\.yaml': no such file"),
        ("[1]", r"base = \[1\]: expected a preset or a .yaml file"),
    ],
)
def test_a_base_that_is_none_is_one_line(tmp_path, base, message):
    (tmp_path / "a.yaml").write_text(f"base: {base}\n")
    (tmp_path / "b.yaml").write_text("base: a.yaml\n")
    with pytest.raises(ConfigError, match=message) as error:
        load_config(tmp_path / "a.yaml")
    assert "\n" not in str(error.value)


def test_alarms_of_before_they_had_a_section_are_read(tmp_path):
    old = "training: {steps: 9, on_nan: rollback, max_rollbacks: 7, collapse_ratio: 0.1}\n"
    (tmp_path / "config.yaml").write_text(old)
    config = load_config(tmp_path / "config.yaml", ["training.on_collapse=stop"])
    assert config.training.steps == 9
    alarms = config.alarms
    assert (alarms.on_nan, alarms.max_rollbacks, alarms.on_collapse) == ("rollback", 7, "stop")
    assert alarms.collapse_ratio == 0.1
    again = load_config(tmp_path / "config.yaml", ["alarms.max_rollbacks=1"])
    assert again.alarms.max_rollbacks == 1


def test_a_key_that_is_gone_may_say_what_every_training_has(tmp_path):
    old = tmp_path / "config.yaml"
    old.write_text("loss: {pose_weight: 0.25, pose_delta: 0.1}\n")
    assert load_config(old).loss.pose_weight == 0.25
    assert load_config(old, ["loss.pose_delta=0.1"]) == load_config(old)
    message = r"^loss\.pose_delta = 0\.2: the key is gone, every training has 0\.1; expected that"
    with pytest.raises(ConfigError, match=message):
        load_config(old, ["loss.pose_delta=0.2"])
    old.write_text("loss: {pose_delta: 0.2}\n")
    with pytest.raises(ConfigError, match=message):
        load_config(old)
    with pytest.raises(ConfigError, match="pose_form = 'huber': expected one of l1, l2"):
        load_config("small-64", ["loss.pose_form=huber"])


def test_configurations_of_former_versions_load():
    """Of trainings in docs/results, kept as they were written."""
    kept = sorted((ROOT / "docs" / "results").rglob("config.yaml"))
    assert kept
    for path in kept:
        assert load_config(path).training.steps


def test_a_history_has_no_photos_to_judge_its_views_beside():
    both = ["training.history_size=4", "loss.judge_pairs=true"]
    with pytest.raises(ConfigError, match=r"training\.history_size = 4: expected 0 with loss\."):
        load_config("face-64", both)
    for one in both:
        load_config("face-64", [one])
