"""The targets of a folder of Python files, from their names; scripts/generate_build.py calls it."""

load("@rules_python//python:defs.bzl", "py_binary", "py_library", "py_test")

_DATA = ["*.html", "*.j2", "*.json", "*.md", "*.npz", "*.tflite", "*.typed", "*.yaml"]
_RUN_PYTEST = "//scripts:run_pytest.py"

def room(deps = [], programs = []):
    """A library of a folder's modules, named as the folder.

    Where the folder is a package, `init` is the package alone, with the data beside it: what lies
    below needs no more of it.

    Args:
      deps: what the modules import.
      programs: modules that are started as well.
    """
    above, _, name = native.package_name().rpartition("/")
    package = native.glob(["__init__.py"], allow_empty = True)
    if package:
        py_library(
            name = "init",
            srcs = package,
            data = native.glob(_DATA, allow_empty = True),
            deps = ["//%s:init" % above] if above else [],
        )
    py_library(
        name = name,
        srcs = native.glob(["*.py"], exclude = ["__init__.py"], allow_empty = True),
        deps = ([":init"] if package else []) + deps,
    )
    for program in programs:
        py_binary(
            name = program,
            srcs = [program + ".py"],
            deps = [":" + name],
        )

def tests(deps = [], conftest = [], data = [], checkout = []):
    """A test for each test_*.py, started by pytest, and a library of all files, named as the folder.

    Args:
      deps: what the files import.
      conftest: what conftest.py imports.
      data: other files that are read.
      checkout: names of tests of the checkout as a whole: run there, every time.
    """
    name = native.package_name().rpartition("/")[2]
    py_library(
        name = name,
        testonly = True,
        srcs = native.glob(["*.py"], exclude = ["conftest.py"]),
        data = native.glob(["*.heic"], allow_empty = True),
        deps = deps,
    )
    for file in native.glob(["conftest.py"], allow_empty = True):
        py_library(
            name = "conftest",
            testonly = True,
            srcs = [file],
            deps = conftest,
        )
    for file in native.glob(["test_*.py"], allow_empty = True):
        test = file[:-len(".py")]
        py_test(
            name = test,
            srcs = [file, _RUN_PYTEST],
            args = ["$(location %s)" % file],
            data = data,
            main = _RUN_PYTEST,
            tags = ["external", "local"] if test in checkout else [],
            deps = [":" + name],
        )
