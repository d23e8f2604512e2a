"""Turns a folder of face photos to other yaw angles.

python -m trainer.simulate --photos=DIR --output=DIR --yaws=-60,-30,30,60
python -m trainer.simulate --photos=DIR --output=DIR --balance [--dry_run]
"""

import json
import os

from absl import flags

from dagan_tf.core.program import run_app

FLAGS = flags.FLAGS
flags.DEFINE_string("photos", None, "Folder of photos.", required=True)
flags.DEFINE_string("output", None, "Folder for views, manifest.csv, skipped.csv.", required=True)
flags.DEFINE_string("layout", "folder", "How --photos is laid out: folder, flat, frll or orl.")
flags.DEFINE_string("include", None, "Only photos whose path below --photos fits this glob.")
flags.DEFINE_list("identities", None, "Only these identities (names, comma-separated).")
flags.DEFINE_list("yaws", ["-90", "-60", "-30", "30", "60", "90"], "Yaw angles in degrees.")
flags.DEFINE_list("pitch", None, "Pitch angles in degrees; by default each photo's own.")
flags.DEFINE_float("yaw_jitter", 0.0, "Degrees each yaw is moved at random, at most.")
flags.DEFINE_float("pitch_jitter", 0.0, "Degrees each pitch is moved at random, at most.")
flags.DEFINE_integer("seed", 0, "Seed of the jitter and of --balance.")
flags.DEFINE_integer("image_size", 224, "Side of the views in pixels.")
flags.DEFINE_enum("background", "keep", ["keep", "blur", "none"], "The photo's surroundings.")
flags.DEFINE_string(
    "face_model",
    None,
    "Another 3D head: our npz, an ICT-FaceKit folder, BFM 2009/2017/2019, eos .bin or FLAME "
    "(docs/face-models.md); by default the packaged one.",
)
flags.DEFINE_bool("depth", False, "Also write each view's depth, as a 16-bit PNG.")
flags.DEFINE_bool("head", False, "Also write how far each pixel is head, for trainer.pair.")
flags.DEFINE_bool("share_identity", False, "Fit all photos of a person with one shape of the head.")
flags.DEFINE_bool(
    "balance", False, "Choose the yaws so that photos and views together are spread evenly."
)
flags.DEFINE_bool("dry_run", False, "With --balance: only measure, plan and plot.")
flags.DEFINE_integer("workers", 0, "Processes; 0 takes one a core.")
flags.DEFINE_bool("beam", False, "Run as an Apache Beam pipeline instead of --workers.")
flags.DEFINE_multi_string(
    "beam_arg", [], "An argument for Beam, such as --beam_arg=--runner=FlinkRunner; repeatable."
)


def _angles(name: str) -> list[float] | None:
    from dagan_tf.errors import DaganError

    texts = FLAGS[name].value
    try:
        return None if texts is None else [float(text) for text in texts]
    except ValueError as error:
        raise DaganError(f"--{name}: {error}; expected degrees like -10,0,10") from error


def _balance(photos, settings, workers):  # type: ignore[no-untyped-def]
    """Plans the views, writes balance.json and balance.png, returns the views of each photo."""
    from dagan_tf.core.files import write_bytes
    from dagan_tf.folders.balance import balance_record, measure_poses, plan_views
    from dagan_tf.reports.plots import plot_pose_histograms

    poses = measure_poses(photos, FLAGS.output, settings, workers=workers)
    plan = plan_views(photos, poses, seed=FLAGS.seed)
    record = balance_record(plan, poses)
    plot = plot_pose_histograms(
        plan.before.edges,
        plan.before.counts,
        plan.after.counts,
        before_label=f"photos, entropy {plan.before.entropy:.2f}",
        after_label=f"photos and views, entropy {plan.after.entropy:.2f}",
    )
    for name, data in (
        ("balance.json", (json.dumps(record, indent=2) + "\n").encode("utf-8")),
        ("balance.png", plot.light),
    ):
        write_bytes(os.path.join(FLAGS.output, name), data)
    print(
        f"yaw entropy of {len(photos)} photos {plan.before.entropy:.3f}, with "
        f"{record['views_planned']} views {plan.after.entropy:.3f} (1 = even); "
        f"{plan.missing} views that no photo allows; plot in "
        f"{os.path.join(FLAGS.output, 'balance.png')}"
    )
    return plan.views


def main(argv: list[str]) -> None:
    """Makes the views that are not there yet."""
    del argv
    from dagan_tf.data.photos import check_apart, read_folder
    from dagan_tf.errors import DaganError
    from dagan_tf.folders.simulate import simulate_views
    from dagan_tf.folders.view_maker import SimulationSettings
    from dagan_tf.folders.views import all_views

    yaws, pitches = _angles("yaws"), _angles("pitch")
    if FLAGS.dry_run and not FLAGS.balance:
        raise DaganError("--dry_run: expected --balance with it")
    if FLAGS.balance and (FLAGS["yaws"].present or FLAGS["pitch"].present):
        raise DaganError("--balance chooses the yaws: expected neither --yaws nor --pitch with it")
    check_apart(FLAGS.output, FLAGS.photos)
    listed = read_folder(
        FLAGS.photos, FLAGS.layout, include=FLAGS.include, identities=FLAGS.identities
    )
    photos, left_out = listed.photos, listed.left_out
    settings = SimulationSettings(
        image_size=FLAGS.image_size,
        background=FLAGS.background,
        face_model=FLAGS.face_model,
        yaw_jitter=FLAGS.yaw_jitter,
        pitch_jitter=FLAGS.pitch_jitter,
        seed=FLAGS.seed,
        depth=FLAGS.depth,
        head=FLAGS.head,
        share_identity=FLAGS.share_identity,
    )
    workers = FLAGS.workers or os.cpu_count() or 1
    if FLAGS.balance:
        settings.simulator()  # A bad setting fails before the photos are measured.
        views = _balance(photos, settings, workers)
        if FLAGS.dry_run:
            return
        wanted = list(zip(photos, views, strict=True))
    else:
        everything = all_views(yaws or [], pitches)
        wanted = [(photo, everything) for photo in photos]
    if FLAGS.beam:
        from dagan_tf.folders.beam import simulate_on_beam

        summary = simulate_on_beam(
            wanted, FLAGS.output, settings, FLAGS.beam_arg, left_out=left_out
        )
    else:
        summary = simulate_views(wanted, FLAGS.output, settings, left_out=left_out, workers=workers)
    print(
        f"{len(photos)} photos: {summary.made} made now, {summary.done_before} done before, "
        f"{summary.skipped} skipped; {summary.views} views in {FLAGS.output}"
    )
    if summary.reasons:
        print(f"left out (all rows in {os.path.join(FLAGS.output, 'skipped.csv')}):")
        for reason, count in summary.reasons.most_common():
            print(f"{count:6d}  {reason}")


if __name__ == "__main__":
    run_app(main)
