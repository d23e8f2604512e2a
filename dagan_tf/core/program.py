"""What all command-line programs share: flag parsing, one-line errors and exit codes.

Exit codes: 0 done, 2 bad input (one line on stderr, no traceback), 130 interrupted; anything
else is a defect and keeps its traceback. Import TensorFlow inside `main`, not above it: then
`--help` answers at once and the log level set here comes in time.
"""

import functools
import io
import math
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

from absl import app, flags, logging

from dagan_tf.core.quiet import quieten, start_tensorflow
from dagan_tf.errors import DaganError

BAD_INPUT = 2
INTERRUPTED = 130

FLAGS = flags.FLAGS
flags.DEFINE_bool(
    "verbose", False, "Show what TensorFlow's libraries say at their start, and log more."
)


def _fail(message: str, code: int) -> None:
    program = os.path.basename(sys.argv[0])
    print(f"{program}: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(code)


def _parse(argv: Sequence[str], arguments: str = "") -> list[str]:
    try:
        rest = FLAGS(argv)
    except flags.Error as error:
        message = str(error)
        if "must have a value other than None" in message:
            message = f"{message.split('=None')[0].replace('flag ', '', 1)} must be given"
        _fail(f"{message} (--help lists the flags)", BAD_INPUT)
    except SystemExit:
        # absl leaves with status 1 after --help, which is an answer and no failure.
        sys.exit(0)
    for name in FLAGS:
        # NaN passes every bound and then is none: nothing is below it, nothing above.
        if isinstance(FLAGS[name].value, float) and math.isnan(FLAGS[name].value):
            _fail(f"flag --{name}=nan: expected a number (--help lists the flags)", BAD_INPUT)
    if arguments and len(rest) == 1:
        _fail(f"{arguments} must be given (--help lists the flags)", BAD_INPUT)
    if len(rest) > 1 and not arguments:
        _fail(f"unexpected argument {rest[1]!r}; options are written --name=value", BAD_INPUT)
    if FLAGS["verbosity"].using_default_value:
        # Left alone, app.run would raise it to INFO.
        FLAGS.verbosity = logging.INFO if FLAGS.verbose else logging.WARNING
    return rest


def flag_values(settings: type) -> dict[str, Any]:
    """The values of those flags that are called as fields of a dataclass, by name."""
    return {one.name: FLAGS[one.name].value for one in fields(settings) if one.name in FLAGS}


def run_app(
    main: Callable[[list[str]], int | None],
    *,
    uses_tensorflow: bool | Callable[[], bool] = False,
    arguments: str = "",
) -> None:
    """Parses the flags, runs `main(argv)` and exits as the module's docstring says.

    Args:
        main: the program; returns its exit code, None meaning 0. `DaganError` and `OSError`
            that leave it become one line on stderr and exit code 2.
        uses_tensorflow: load TensorFlow first, without the greetings of its libraries (--verbose,
            or setting TF_CPP_MIN_LOG_LEVEL oneself, brings them back). A function is asked once
            the flags are known.
        arguments: What the program takes besides flags, as its messages call it, at least one;
            they are `argv[1:]`. Empty if it takes none.
    """

    def guarded(argv: list[str]) -> int | None:
        try:
            if uses_tensorflow() if callable(uses_tensorflow) else uses_tensorflow:
                start_tensorflow(verbose=FLAGS.verbose)
            elif not FLAGS.verbose:
                quieten()
            return main(argv)
        except (DaganError, OSError) as error:
            _fail(str(error), BAD_INPUT)
        except KeyboardInterrupt:
            _fail("interrupted", INTERRUPTED)
        return None

    # A file's name need not be of the terminal's encoding.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    # --help shows the flags of the program's own file, and this one of all programs.
    FLAGS.register_key_flag_for_module(sys.argv[0], FLAGS["verbose"])
    app.run(guarded, flags_parser=functools.partial(_parse, arguments=arguments))
