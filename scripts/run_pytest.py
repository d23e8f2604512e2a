"""Entry point of Bazel's tests: runs pytest on the files it is given."""

import os
import sys

import pytest

if __name__ == "__main__":
    # The sandbox leaves the tests' home read-only, and each process would compile anew.
    os.environ.setdefault("NUMBA_CACHE_DIR", os.environ.get("TEST_TMPDIR", ""))
    code = pytest.main(["-p", "no:cacheprovider", *sys.argv[1:]])
    # A file whose tests all need what is not here is no failure.
    sys.exit(0 if code == pytest.ExitCode.NO_TESTS_COLLECTED else code)
