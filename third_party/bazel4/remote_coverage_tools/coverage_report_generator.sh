#!/bin/sh
echo "bazel coverage needs a newer Bazel" >&2
exit 1
