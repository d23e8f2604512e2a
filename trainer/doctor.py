"""Says what this machine has for dagan_tf, what works, and what to install for the rest.

python -m trainer.doctor
"""

import importlib.util

from absl import flags

from dagan_tf.core.program import run_app

FLAGS = flags.FLAGS
flags.DEFINE_string("output", ".", "Folder the runs would go to; its free space is looked at.")


def main(argv: list[str]) -> int:
    """Prints a line a finding; returns 1 if something needed is absent."""
    del argv
    from dagan_tf.runs.doctor import inspect_machine

    findings = inspect_machine(FLAGS.output)
    width = max(len(finding.what) for finding in findings)
    for finding in findings:
        state = "ok" if finding.found else "MISSING" if finding.missing else "absent"
        advice = "" if finding.found else f"; {finding.remedy}"
        found = f"{finding.found}; " if finding.found else ""
        print(f"{state:8}{finding.what:{width}}  {found}for {finding.use}{advice}")
    missing = [finding.what for finding in findings if finding.missing]
    print(f"\nmissing: {', '.join(missing)}" if missing else "\nall that is needed is here")
    return 1 if missing else 0


if __name__ == "__main__":
    # Without TensorFlow there is the more to say.
    run_app(main, uses_tensorflow=importlib.util.find_spec("tensorflow") is not None)
