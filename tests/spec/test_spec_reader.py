import pytest

from ct_components.spec import parse_spec
from ct_components.spec.reader import read, read_json


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("NO", "NO"),
        ("on", "on"),
        ("yes", "yes"),
        ("true", True),
        ("12:30", "12:30"),
        ("2013-04-01", "2013-04-01"),
        ("1e-05", 1e-05),
        ("-1.5E+3", -1500.0),
        ("010", 10),
        ("1_000", "1_000"),
        ("0x10", "0x10"),
        ("~", None),
        ("", None),
        (".5", 0.5),
        ("'1'", "1"),
        ("!!str 1", "1"),
        (r'"\ud83d\ude00"', "😀"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text, value):
    assert read(f"key: {text}").value == {"key": value}


def test_each_key_and_item_has_its_line():
    document = read("a:\n  b: 1\n  c:\n    - x\n    - y\n")

    assert document.lines == {
        (): 1,
        ("a",): 1,
        ("a", "b"): 2,
        ("a", "c"): 3,
        ("a", "c", 0): 4,
        ("a", "c", 1): 5,
    }


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', '{"a": NaN}', '{"a": Infinity}', '{"a": 1,}', "a: 1"])
def test_json_is_read_strictly(text):
    with pytest.raises(ValueError):  # noqa: PT011 — any of its kinds sends the reader to YAML
        read_json(text)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "a:\n\tb: 1",
            "line 2: a tab; allowed: spaces to indent with, near 'b: 1'",
        ),
        (
            "a: b: c",
            (
                "line 1: a second ':' or a wrong indentation; allowed: one 'key: value' a line, and "
                "quotes around text that holds ': ', near 'a: b: c'"
            ),
        ),
        (
            "a: 1\nb\nc: 2",
            "line 3: a key without ':'; allowed: 'key: value', near 'c: 2' (begun in line 2)",
        ),
        (
            "a:\n  b: 1\n c: 2",
            ("line 3: an indentation or bracket that fits nothing above it, near 'c: 2' (begun in line 1)"),
        ),
        (
            "a: [1\nb: 2",
            (
                "line 2: expected ',' or ']', but got ':'; allowed: quotes around text that holds "
                "any of , [ ] { }, near 'b: 2' (begun in line 1)"
            ),
        ),
        (
            '{"a": 1 "b": 2}',
            (
                "line 1: expected ',' or '}', but got ':'; allowed: quotes around text that holds "
                'any of , [ ] { }, near \'{"a": 1 "b": 2}\''
            ),
        ),
        (
            'a: "b\n',
            "line 2: a quote that is not closed, at the end (begun in line 1)",
        ),
        (
            "a: @b",
            "line 1: a value that starts with '@', near 'a: @b'",
        ),
        (
            "a: 1\n---\nb: 2",
            ("line 2: a second document; allowed: one model spec a file, near '---' (begun in line 1)"),
        ),
        (
            "a: *b",
            (
                "line 1: an anchor or alias; allowed: the value itself, in quotes if it starts with "
                "& or *, near 'a: *b'"
            ),
        ),
        (
            "a: &b [*b]",
            (
                "line 1: an anchor or alias; allowed: the value itself, in quotes if it starts with "
                "& or *, near 'a: &b [*b]'"
            ),
        ),
        ("a: 1\nb: \0", "line 2: the character '\\x00'; allowed: printable text"),
        (
            "[" * 20000,
            "too many levels; allowed: the few that a model spec has",
        ),
    ],
)
def test_what_is_not_yaml_is_refused_with_its_line(text, line, refused):
    assert refused(text) == [line]


def test_tags_build_nothing(small, refused):
    assert refused(small.replace("binary", "!!python/object:os.system binary")) == [
        "task (line 2): got the tag '!!python/object:os.system'; allowed: values without tags"
    ]


def test_a_number_too_long_for_python_is_a_problem_like_any_other(small, refused):
    lines = refused(small + f"training: {{parameters: {{p: {'9' * 5000}}}}}\n")

    assert [line.split(": ", 1)[0] for line in lines] == ["training.parameters.p (line 8)"]
    assert lines[0].endswith("(5000 characters); allowed: a number of at most 4300 digits")


def test_keys_are_text_whatever_they_look_like(small, refused):
    lines = refused(small + "on: 1\n1: 2\n? [a]\n: 3\n")

    assert [line.split("; ")[0] for line in lines] == [
        "a key that is a list or mapping, in line 10",
        "on (line 8): unknown key",
        "1 (line 9): unknown key",
    ]


def test_one_line_of_json_needs_no_line_numbers(refused):
    assert refused('{"model": "x", "model": "y", "task": "binary", "source": 1, "columns": 2}') == [
        "model: the key is there already; allowed: once",
        "source: got 1; allowed: a mapping with the keys type, uri, timestamp, timezone, label_delay",
        "columns: got 2; allowed: a mapping with the keys target, positive, numeric, categorical, id, weight",
    ]


def test_windows_line_ends_are_read(small):
    assert parse_spec(small.replace("\n", "\r\n"), "dos") == parse_spec(small, "unix")
