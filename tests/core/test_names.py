import os

import pytest

from dagan_tf.core.names import file_name, one_line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain, with ünïcode 100%", "plain, with ünïcode 100%"),
        (os.fsdecode(b"\xff\xfea"), "%FF%FEa"),
        ("two\nlines\r", "two%0Alines%0D"),
        ("\x1b[31m", "%1B[31m"),
        ("a\u2028b\x85", "a%E2%80%A8b%C2%85"),
    ],
)
def test_a_line_holds_any_name(text, line):
    assert one_line(text) == line
    assert len(one_line(text).splitlines()) == 1


def test_a_file_name_holds_on_every_system():
    assert file_name("C:back\\slash") == "C%3Aback%5Cslash"
    assert file_name("x" * 200) == "x" * 200


def test_long_names_are_cut_and_stay_apart():
    one, two = file_name("ä" * 120 + "1"), file_name("ä" * 120 + "2")
    assert one != two
    assert one.startswith("ä" * 90)
    assert max(len(name.encode()) for name in (one, two)) <= 200
