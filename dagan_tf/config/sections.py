"""The sections of a configuration: frozen dataclasses whose fields carry their limits.

The field defaults are those of the paper as far as it states them (224x224, 7x7 stem, 64 maps,
10 residual blocks); the paper leaves learning rates, loss weights and the discriminator's widths
open, so those follow BEGAN (Berthelot et al., 2017) or are this package's own choice. Each preset
in `dagan_tf/presets/refiner/` says at every value whose it is.
"""

from dataclasses import dataclass, field
from typing import Any


def number(default: float, *, minimum: float, maximum: float = float("inf")) -> Any:
    """A numeric field with limits."""
    return field(default=default, metadata={"minimum": minimum, "maximum": maximum})


def choice(default: Any, *choices: Any) -> Any:
    """A field that takes one of several values."""
    return field(default=default, metadata={"choices": choices})


@dataclass(frozen=True)
class DataConfig:
    """What a batch is made of.

    Attributes:
        image_size: side of the square training images, pixels.
        horizontal_flip: mirror half of the images at random (labels stay, yaw changes sign).
        identity_on_reals: give reals of an identity that is also simulated that identity's label;
            off, all reals count as unlabelled, as the paper's abstract has them.
        crop: side of the squares that are cut out of the images at random, about where the skin is,
            to learn from; pixels, 0 = whole images.
        shuffle_buffer: records mixed with one another; a set no larger is mixed as a whole.
        relight: how far brightness, colour and gamma of every image are changed at random, and
            brightness from place to place, a simulated view and its photo alike: 1 by up to a
            quarter or so, 0 not at all.
        degrade: how far every image is made softer and grainy at random, a simulated view and its
            photo alike: 1 down to 0.4 of its resolution, 0 not at all.
    """

    image_size: int = number(224, minimum=16, maximum=2048)
    horizontal_flip: bool = True
    identity_on_reals: bool = True
    crop: int = number(0, minimum=0, maximum=2048)
    shuffle_buffer: int = number(2048, minimum=1)
    relight: float = number(0.0, minimum=0, maximum=2)
    degrade: float = number(0.0, minimum=0, maximum=1)

    @property
    def side(self) -> int:
        """Of the images that the networks see in training, pixels."""
        return self.crop or self.image_size


@dataclass(frozen=True)
class GeneratorConfig:
    """The refiner (see `gan/generator.py`).

    Attributes:
        filters: feature maps of the stem and of every residual block.
        blocks: number of residual blocks.
        stem_kernel: side of the first convolution's kernel.
        block_kernel: side of the kernels inside the blocks.
        input_skip: add the input to the output instead of tanh; the last convolution then starts
            at zero, so the untrained refiner is the identity.
        downsample: 2 or 4 folds the image (space to depth) so that the blocks work on a coarser
            grid: several times faster, and each block sees further.
        smooth: what is added to the input is made on that coarse grid and enlarged smoothly: no
            pattern of pixels, and the input's fine detail stays; needs input_skip and downsample.
        form: `residual`, the paper's, or `skin` (see `gan/skin_generator.py`), of which `filters`
            is the only size; it needs input_skip and downsample 2.
    """

    filters: int = number(64, minimum=1)
    blocks: int = number(10, minimum=0)
    stem_kernel: int = choice(7, 1, 3, 5, 7, 9)
    block_kernel: int = choice(3, 1, 3, 5, 7, 9)
    input_skip: bool = False
    downsample: int = choice(1, 1, 2, 4)
    smooth: bool = False
    form: str = choice("residual", "residual", "skin")

    @property
    def stride(self) -> int:
        """Number that height and width of the images must be multiples of."""
        return 8 * self.downsample if self.form == "skin" else self.downsample


@dataclass(frozen=True)
class DiscriminatorConfig:
    """The auto-encoder with the identity agent (see `gan/discriminator.py`).

    Attributes:
        filters: n; encoder stage i has n·(i+1) feature maps, every decoder stage n.
        bottleneck: length of the code h.
        convs_per_stage: 3x3 convolutions at each resolution.
        downsample: as the generator's.
        patch_heads: of how many of the last stages `loss.adversarial: patch` asks its question;
            earlier ones see less of the image and more of its texture.
        patch_skip: how many of the very last stages it leaves out first.
        activation: BEGAN's `elu`, or `leaky_relu`, with He's initialisation, which learns to tell
            small differences sooner.
    """

    filters: int = number(64, minimum=1)
    bottleneck: int = number(128, minimum=1)
    convs_per_stage: int = number(2, minimum=1, maximum=8)
    downsample: int = choice(1, 1, 2, 4)
    patch_heads: int = number(1, minimum=1, maximum=3)
    patch_skip: int = number(0, minimum=0, maximum=4)
    activation: str = choice("elu", "elu", "leaky_relu")


@dataclass(frozen=True)
class LossConfig:
    """Weights and forms of the losses (see `gan/losses.py`).

    Attributes:
        adversarial: `began` (generator minimises its reconstruction error), `literal` (the same
            times k, as the paper prints it; needs initial_balance > 0), or, to compare with: `gan`
            (one real/refined decision an image, Goodfellow 2014) and `patch` (one a patch, SimGAN);
            the last two have no auto-encoder and no k.
        decision: error of a decision: `cross_entropy` (SimGAN), or `hinge` (Lim and Ye, 2017).
        identity: `softmax` or the paper's literal per-class `sigmoid` cross-entropy.
        identity_weight: lambda_1.
        identity_confidence: unlabelled reals that the identity agent names with at least this
            probability count as of that identity (FixMatch, Sohn et al., 2020), for reals that
            show the simulated identities; best with `augment`. 0 leaves them out, as the paper.
        pose_weight: lambda_2.
        embedding_weight: of how far dlib's face recogniser sees a refined face from where the
            simulated one lies, moved by the mean difference between real and simulated faces
            (see `gan/likeness.py`); for faces of known yaw only.
        embedding_step: what that difference is measured over: `common`, all faces, or `own`, where
            reals are labelled each person's own.
        embedding_own_from: with `own`, the step of training from which it counts; until then the
            common difference does.
        pose_form: distance of L_pp: the paper's `l1`, or `l2` (squared), which lets small changes
            pass almost free, where L1 holds the refiner to its input or not at all.
        pose_downsample: compare images averaged over blocks of this many pixels a side, so that
            detail finer than a block is free.
        pose_scale: `element` averages over height, width and channels, `pixel` divides by
            height x width only as the paper does (3x larger on RGB).
        pose_mask_weight: weight in the pose loss of pixels that the photo did not really show (the
            simulator's mask); 1 is the paper's unmasked loss.
        pose_colour_weight: this many times what is left of a change without its brightness is added
            to the pose loss; 0 is the paper's loss.
        diversity_ratio: gamma, wanted ratio of refined to real reconstruction error.
        balance_rate: alpha, step of k.
        initial_balance: k_0.
        augment: show the discriminator every image, real and refined, with random changes of
            brightness, colour, contrast and place (DiffAugment, Zhao et al., 2020), so that it
            does not learn a few photos by heart.
        gradient_penalty: weight of the discriminator's mean squared gradient at real images (R1,
            Mescheder et al., 2018), which keeps it from growing too sure; of `gan` and `patch`.
        pair_weight: of the difference of tone from the real photo of the same side, of views that
            have one (`--pairs`; see `gan/guidance.py`); 0 is the paper, which knows no pairs.
        perceptual_weight: of their distance in the early layers of dlib's network (see
            `gan/perceptual.py`).
        matte_weight: of the error in where bare skin is, of `generator.form: skin`.
        judge_pairs: the discriminator sees refined views and their own photos, moved onto them,
            instead of any real ones, of both only the bare skin that they share, in grey: so
            neither pose nor outlines and hair that simulated heads lack tell it anything.
    """

    adversarial: str = choice("began", "began", "literal", "gan", "patch")
    decision: str = choice("cross_entropy", "cross_entropy", "hinge")
    identity: str = choice("softmax", "softmax", "sigmoid")
    identity_weight: float = number(0.05, minimum=0)
    identity_confidence: float = number(0.0, minimum=0, maximum=1)
    pose_weight: float = number(0.5, minimum=0)
    embedding_weight: float = number(0.0, minimum=0)
    embedding_step: str = choice("common", "common", "own")
    embedding_own_from: int = number(0, minimum=0)
    pose_form: str = choice("l1", "l1", "l2")
    pose_downsample: int = choice(1, 1, 2, 4, 8)
    pose_scale: str = choice("element", "element", "pixel")
    pose_mask_weight: float = number(1.0, minimum=0, maximum=1)
    pose_colour_weight: float = number(0.0, minimum=0)
    diversity_ratio: float = number(0.5, minimum=0)
    balance_rate: float = number(0.001, minimum=0)
    initial_balance: float = number(0.0, minimum=0, maximum=1)
    augment: bool = False
    gradient_penalty: float = number(0.0, minimum=0)
    pair_weight: float = number(0.0, minimum=0)
    perceptual_weight: float = number(0.0, minimum=0)
    matte_weight: float = number(0.0, minimum=0)
    judge_pairs: bool = False


@dataclass(frozen=True)
class TrainingConfig:
    """How long, how fast, and what is written on the way.

    Attributes:
        steps: optimiser steps of the whole training.
        max_minutes: stop after this wall-clock time (0 = no limit); counts anew at each resume.
        batch_size: images of each domain a step, over all devices.
        generator_learning_rate: the refiner's.
        discriminator_learning_rate: the discriminator's.
        generator_clip: global norm that the refiner's gradient is cut to; 0 = not at all.
        optimizer: of both networks: a class of `keras.optimizers`, or of tensorflow-addons (`tfa.`,
            TensorFlow 2.15 only).
        optimizer_wrapper: optimiser of tensorflow-addons wrapped around it.
        beta_1: decay of the mean gradient; the momentum of RMSprop and SGD.
        decay_steps: halve both learning rates every so many steps (0 = never).
        plateau_steps: halve both learning rates when the smoothed L_con has not fallen by 0.1 % for
            this many steps (0 = never).
        linear_steps: over the last so many steps both learning rates fall evenly, towards 0 (0 =
            they do not).
        learning_rate_floor: neither learning rate falls below this.
        warmup_steps: at first the refiner learns the pose loss only, and the discriminator the
            reals only, k standing still.
        accumulate: parts a batch is worked through in, one after the other, before the one update:
            the same result in a fraction of the memory.
        history_size: refined images kept of earlier steps, that replace half of the discriminator's
            refined batch (SimGAN); 0 = none. One device only, and not with `loss.judge_pairs`.
        ema_decay: of the averaged refiner, the one exported; 0 = no average.
        precision: Keras dtype policy; `mixed_float16` scales both losses.
        log_every: steps between metric records.
        checkpoint_every: steps between checkpoints.
        samples_every: steps between sample grids.
        sample_count: columns of the sample grid.
        keep_checkpoints: newest checkpoints kept.
    """

    steps: int = number(100_000, minimum=1)
    max_minutes: float = number(0.0, minimum=0)
    batch_size: int = number(16, minimum=1)
    generator_learning_rate: float = number(1e-4, minimum=0)
    discriminator_learning_rate: float = number(1e-4, minimum=0)
    generator_clip: float = number(0.0, minimum=0)
    optimizer: str = choice(
        "Adam",
        *("Adam", "AdamW", "Adamax", "Lamb", "Lion", "Nadam", "RMSprop", "SGD"),
        *("tfa.AdaBelief", "tfa.LAMB", "tfa.NovoGrad", "tfa.RectifiedAdam", "tfa.Yogi"),
    )
    optimizer_wrapper: str = choice("none", "none", "tfa.Lookahead", "tfa.MovingAverage")
    beta_1: float = number(0.5, minimum=0, maximum=0.9999)
    decay_steps: int = number(0, minimum=0)
    plateau_steps: int = number(0, minimum=0)
    linear_steps: int = number(0, minimum=0)
    learning_rate_floor: float = number(2e-5, minimum=0)
    warmup_steps: int = number(0, minimum=0)
    accumulate: int = number(1, minimum=1)
    history_size: int = number(0, minimum=0)
    ema_decay: float = number(0.999, minimum=0, maximum=0.999999)
    precision: str = choice("float32", "float32", "mixed_bfloat16", "mixed_float16")
    log_every: int = number(50, minimum=1)
    checkpoint_every: int = number(1000, minimum=1)
    samples_every: int = number(500, minimum=1)
    sample_count: int = number(8, minimum=1, maximum=64)
    keep_checkpoints: int = number(3, minimum=1)


@dataclass(frozen=True)
class AlarmConfig:
    """What is done when a training goes wrong; see `loop/watch.py`.

    Attributes:
        on_nan: `stop`, or `rollback`: go back to the best checkpoint and on with half the rates.
        on_collapse: `warn`, `rollback` or `stop` when the refined images' diversity falls below
            collapse_ratio times the simulated ones'.
        collapse_ratio: see on_collapse.
        on_identity_map: `warn` or `stop` when, after the warm-up, mean |refined - simulated| is
            below identity_map_limit: nothing is refined.
        identity_map_limit: see on_identity_map, in units of the [-1, 1] range.
        max_rollbacks: of one run; the next failure ends it.
    """

    on_nan: str = choice("stop", "stop", "rollback")
    on_collapse: str = choice("warn", "warn", "rollback", "stop")
    collapse_ratio: float = number(0.3, minimum=0, maximum=1)
    on_identity_map: str = choice("warn", "warn", "stop")
    identity_map_limit: float = number(0.002, minimum=0)
    max_rollbacks: int = number(3, minimum=0)
