"""Events that somebody sends who means no good, or whose program is broken."""

import copy
import json
import subprocess
import sys
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ct_components.errors import SpecError
from ct_components.events import TriggerEvent, parse_event
from ct_components.events.fields import EXPANDED

CYRILLIC = "flight-d\N{CYRILLIC SMALL LETTER IE}lay"

TEXTS = {
    "shell": "$(touch /tmp/x)",
    "shell, within": "flight$(id)delay",
    "kubernetes variable": "$(KFP_CT_LEDGER_URL)",
    "backticks": "`id`",
    "kfp placeholder": "{{$.inputs.parameters['spec']}}",
    "jinja": "{{ ''.__class__ }}",
    "kfp local": "[[inputs]]",
    "sql": "x'; DROP TABLE ct_runs; --",
    "sql union": "' UNION SELECT 1 --",
    "path": "../../etc/passwd",
    "absolute path": "/etc/passwd",
    "path within": "a/../../b",
    "windows path": "..\\..\\x",
    "long": "a" * 60_000,
    "long, slashes": "a/" * 30_000,
    "long, at signs": "@1" * 30_000,
    "line end": "flight-delay\n",
    "forged line": "x\nERROR all models lost",
    "carriage return": "x\rINFO promoted",
    "line separator": "x\u2028INFO promoted",
    "terminal escape": "\x1b[2J\x1b]0;x\x07",
    "null byte": "flight-delay\x00",
    "zero width": "flight\u200b-delay",
    "right to left": "flight\u202eyaled",
    "homoglyph": CYRILLIC,
    "full width": "\uff46light-delay",
    "blank": "flight delay",
    "empty": "",
    "emoji": "\U0001f4a3",
    "tags": "\U000e0041",
    "html": "<script>alert(1)</script>",
    "template": "%s%n{0.__class__}",
    "log4j": "${jndi:ldap://x/y}",
}
TEXTS_BUT_PATHS = {name: text for name, text in TEXTS.items() if "path" not in name}
FOREIGN = {
    "number": 7,
    "float": 1.5,
    "boolean": True,
    "list": ["flight-delay"],
    "mapping": {"$ne": ""},
    "huge integer": 10**19,
    "nothing": None,
}
INSTANTS = {
    "last year": "9999-12-31T23:59:59Z",
    "first year": "0001-01-01T00:00:00Z",
    "no zone": "2013-06-02T03:30:00",
    "a day": "2013-06-02",
    "no such day": "2013-02-30T00:00:00Z",
    "leap second": "2013-06-30T23:59:60Z",
    "midnight as 24": "2013-06-30T24:00:00Z",
    "zone of a day": "2013-06-30T00:00:00+24:00",
    "five digits": "12013-06-02T03:30:00Z",
    "arabic digits": "٢٠١٣-06-02T03:30:00Z",
    "words": "now",
    "epoch": "1370143800",
    "week": "2013-W22-7T00:00:00Z",
    "blank between": "2013-06-02 03:30:00Z",
    "line end": "2013-06-02T03:30:00Z\n",
}
RAW = {
    "nothing": b"",
    "blanks": b" \n",
    "no json": b"model: flight-delay",
    "form": b"model=flight-delay&reason=drift",
    "null": b"null",
    "number": b"1",
    "text": b'"flight-delay"',
    "list": b"[]",
    "mapping": b"{}",
    "foreign mapping": b'{"Records": [{"s3": {}}]}',
    "latin-1": '{"specversion": "1.0", "id": "é"}'.encode("latin-1"),
    "utf-16": '{"specversion": "1.0"}'.encode("utf-16"),
    "two marks": b"\xef\xbb\xbf\xef\xbb\xbf{}",
    "nan": b'{"specversion": NaN}',
    "infinity": b'{"specversion": -Infinity}',
    "overflow": b'{"specversion": 1e999}',
    "digits": b'{"specversion": ' + b"9" * 60_000 + b"}",
    "twice": b'{"specversion": "1.0", "specversion": "1.0"}',
    "twice, escaped": b'{"specversion": "1.0", "\\u0073pecversion": "1.0"}',
    "half a character": b'{"specversion": "\\ud800"}',
    "half a character as key": b'{"\\udfff": 1}',
    "raw null byte": b'{"specversion": "1.0\x00"}',
    "null byte behind": b'{"specversion": "1.0"}\x00',
    "comment": b'{"specversion": "1.0" /* */}',
    "two documents": b'{"specversion": "1.0"}{}',
    "open": b'{"specversion": "1.0"',
    "open text": b'{"specversion": "' + b'\\"' * 30_000,
    "deep lists": b"[" * 60_000,
    "deep mappings": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "deep within": b'{"specversion": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "megabytes": b'{"specversion": "' + b"a" * 1_000_000 + b'"}',
    "deep megabytes": b"[" * 1_000_000,
    "yaml bomb": b"a: &a [x, x]\nb: &b [*a, *a]",
    "xml bomb": b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>',
}


def refuse(data):
    """Parses what must be refused, and returns the one line that says why."""
    began = time.thread_time()  # not a busy machine's wall clock
    with pytest.raises(SpecError) as caught:
        parse_event(data, timezone="America/New_York")
    assert time.thread_time() - began < 1
    assert caught.value.exit_code == 10
    return one_line(str(caught.value))


def one_line(message):
    """Holds that a message is one line for whoever reads it, and returns it."""
    assert message.startswith("event: ")
    assert message.splitlines() == [message]
    assert message.replace("…", "").isascii()
    assert message.isprintable()
    assert len(message) < 4000
    return message


def cases(table):
    return [pytest.param(value, id=name) for name, value in table.items()]


@pytest.mark.parametrize("place", ["type", "specversion", "datacontenttype"])
@pytest.mark.parametrize("value", [*cases(TEXTS), *cases(FOREIGN)])
def test_hostile_context_attributes_are_refused(place, value, event, bytes_of):
    assert f"{place}: got " in refuse(bytes_of({**event, place: value}))


@pytest.mark.parametrize("place", ["id", "source"])
@pytest.mark.parametrize("value", [*cases(TEXTS_BUT_PATHS), *cases(FOREIGN)])
def test_hostile_ids_and_sources_are_refused(place, value, event, bytes_of):
    """A source may be a path, and an id look like one: neither is kept."""
    assert f"{place}: got " in refuse(bytes_of({**event, place: value}))


@pytest.mark.parametrize("place", ["model", "reason", "key"])
@pytest.mark.parametrize("value", [*cases(TEXTS), *cases(FOREIGN)])
def test_hostile_data_are_refused(place, value, event, bytes_of):
    event["data"][place] = value
    del event["data"]["window"]  # whose key would have to be another one anyway

    assert f"data.{place}: got " in refuse(bytes_of(event))


@pytest.mark.parametrize("place", ["start", "end"])
@pytest.mark.parametrize("value", [*cases(TEXTS), *cases(FOREIGN), *cases(INSTANTS)])
def test_hostile_instants_are_refused(place, value, event, bytes_of):
    event["data"]["window"][place] = value

    assert f"data.window.{place}: got " in refuse(bytes_of(event))


@pytest.mark.parametrize("label", ["model", "reason"])
@pytest.mark.parametrize("value", [*cases(TEXTS), *cases(FOREIGN)])
def test_hostile_labels_of_an_alert_are_refused(label, value, notification, bytes_of):
    notification["alerts"][1]["labels"][label] = value

    assert f"alerts[1].labels.{label}: got " in refuse(bytes_of(notification))


@pytest.mark.parametrize("value", [*cases(TEXTS), *cases(FOREIGN), *cases(INSTANTS)])
def test_hostile_starts_of_an_alert_are_refused(value, notification, bytes_of):
    notification["alerts"][1]["startsAt"] = value

    assert "alerts[1].startsAt: got " in refuse(bytes_of(notification))


@pytest.mark.parametrize("data", cases(RAW))
def test_bytes_that_are_no_event_are_refused(data):
    refuse(data)


@pytest.mark.parametrize("token", EXPANDED)
@pytest.mark.parametrize("place", ["model", "reason", "key"])
def test_what_would_be_expanded_is_refused_by_its_name(token, place, event, bytes_of):
    event["data"][place] = f"a{token}b"

    assert f"data.{place}: got 'a{token}b'; allowed: text without '{token}'" in refuse(bytes_of(event))


@pytest.mark.parametrize("name", cases(TEXTS))
def test_hostile_names_of_keys_are_refused(name, event, bytes_of):
    event["data"][name] = 1

    assert "unknown key" in refuse(bytes_of(event))


@pytest.mark.parametrize("value", cases(FOREIGN))
@pytest.mark.parametrize("place", ["data", "alerts", "window"])
def test_a_foreign_type_in_place_of_a_part_is_refused(value, place, event, notification, bytes_of):
    changed = {
        "data": {**event, "data": value},
        "alerts": {**notification, "alerts": value},
        "window": {**event, "data": {**event["data"], "window": value, "key": None}},
    }[place]

    refuse(bytes_of(changed))


def test_a_window_that_ends_before_it_starts_is_refused(event, bytes_of):
    event["data"]["window"] = {"start": "2013-06-02T03:30:01Z", "end": "2013-06-02T03:30:00Z"}

    message = refuse(bytes_of(event))

    assert "allowed: an instant not before the window's start, 2013-06-02T03:30:01Z" in message


def test_look_alikes_are_shown_as_what_they_are(event, bytes_of):
    event["data"]["model"] = CYRILLIC

    assert r"data.model: got 'flight-d\u0435lay'" in refuse(bytes_of(event))


def test_a_long_value_is_cut(event, bytes_of):
    event["data"]["key"] = "k" * 60_000

    message = refuse(bytes_of(event))

    assert "k" * 59 + "…' (60000 characters)" in message
    assert "k" * 81 not in message


@pytest.mark.parametrize("limit", [200, 1000])
def test_deep_nesting_is_refused_however_little_stack_is_left(limit):
    """A parser that calls itself would end with RecursionError, or end the process."""
    program = (
        "import sys\nfrom ct_components.errors import SpecError\n"
        "from ct_components.events import parse_event\n"
        f"sys.setrecursionlimit({limit})\n"
        "try: parse_event(b'[' * 65000, timezone='UTC')\n"
        "except SpecError as error: sys.exit(error.exit_code)\n"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 10


@pytest.mark.parametrize("alert", [1, {}, [], None, {"labels": {}}])
def test_alerts_without_end_are_refused_before_each_is_looked_at(alert, notification, bytes_of):
    notification["alerts"] = [alert] * (60_000 // (len(json.dumps(alert)) + 2))

    assert "allowed: at most 1000 alerts, and not " in refuse(bytes_of(notification))


EVENT = {
    "specversion": "1.0",
    "id": "a",
    "source": "b",
    "type": "io.kfp-ct.trigger.v1",
    "data": {
        "model": "flight-delay",
        "reason": "manual",
        "window": {"start": "2013-06-01T00:00:00Z", "end": "2013-06-02T00:00:00Z"},
        "key": "k",
    },
}
NOTIFICATION = {
    "version": "4",
    "status": "firing",
    "alerts": [{"status": "firing", "labels": {"model": "m"}, "startsAt": "2013-06-02T00:00:00Z"}],
}
TEXT = (
    st.text(max_size=30)
    | st.sampled_from([*TEXTS.values(), *INSTANTS.values()])
    | st.from_regex(r"[a-z]{1,9}")
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(TEXT, below, max_size=4),
    max_leaves=20,
)


def places(values, path=()):
    """Yields the path of every value in some JSON."""
    yield path
    items = (
        values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    )
    for step, value in items:
        yield from places(value, (*path, step))


@st.composite
def mutated(draw):
    """A valid event of either form with one to three values changed, left out, or put where none was."""
    values = copy.deepcopy(draw(st.sampled_from([EVENT, NOTIFICATION])))
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from([path for path in places(values) if path]))
        parent = values
        for step in way:
            parent = parent[step]
        if draw(st.booleans()) and len(parent) > 1:
            del parent[last]
        else:
            new = draw(TEXT) if draw(st.booleans()) and isinstance(parent, dict) else last
            parent[new] = draw(JSON)
    return json.dumps(values).encode()


@st.composite
def torn(draw):
    """The bytes of a valid event with some of them replaced."""
    data = json.dumps(draw(st.sampled_from([EVENT, NOTIFICATION]))).encode()
    start, end = sorted(draw(st.tuples(*[st.integers(0, len(data))] * 2)))
    return data[:start] + draw(st.binary(max_size=20)) + data[end:]


def taken_or_refused(data):
    began = time.thread_time()  # not a busy machine's wall clock
    try:
        found = parse_event(data, timezone="America/New_York")
    except SpecError as error:
        one_line(str(error))
    else:
        assert found is None or isinstance(found, TriggerEvent)
        if found:
            kept = f"{found.model} {found.reason} {found.key}"
            assert kept.isascii()
            assert not any(token in kept for token in (*EXPANDED, "..", "'", ";", "\n"))
            assert found.window is None or found.window[0] <= found.window[1]
            assert found.key or found.window
    assert time.thread_time() - began < 1


fuzzed = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@fuzzed
@given(st.binary(max_size=2000))
def test_any_bytes_are_taken_or_refused(data):
    taken_or_refused(data)


@fuzzed
@given(JSON)
def test_any_json_is_taken_or_refused(values):
    taken_or_refused(json.dumps(values).encode())


@fuzzed
@given(mutated() | torn())
def test_an_event_with_changes_is_taken_or_refused(data):
    taken_or_refused(data)


@fuzzed
@given(
    st.sampled_from([b"[", b'{"a":', b'"', b'\\"', b"@1", b"a/", b"9", b"\xef\xbb\xbf", b"{", b"\\u"]),
    st.data(),
)
def test_what_is_repeated_to_the_limit_is_refused_soon(unit, data):
    """The texts on which a careless pattern or parser takes time that grows as the square."""
    head = data.draw(
        st.sampled_from([b"", b'{"specversion":"1.0","id":"', b'{"alerts":[{"status":"', b'{"k":'])
    )

    taken_or_refused((head + unit * 65_536)[:65_536])
