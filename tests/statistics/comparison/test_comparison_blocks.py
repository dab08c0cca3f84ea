"""Blocks of rows: decided by ids, equal in size, and the same in every file."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ct_components.errors import DataError
from ct_components.statistics.comparison.blocks import BLOCKS, blocks_of

unhurried = settings(deadline=None)
"""Machines that are busy do not make a statistic wrong."""

ids = st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=60, unique=True) | st.lists(
    st.text("abcdef0123456789-é", min_size=1, max_size=12), min_size=1, max_size=60, unique=True
)
"""Strings without a NUL, which numpy takes for padding."""


@unhurried
@given(ids, st.integers(1, 20), st.randoms(use_true_random=False))
def test_blocks_follow_the_ids_and_not_the_files_order(names, most, random):
    n = len(names)
    order = random.sample(range(n), n)

    index = blocks_of(n, names, blocks=most)
    shuffled = blocks_of(n, [names[i] for i in order], blocks=most)

    assert shuffled.tolist() == index[order].tolist()


@unhurried
@given(ids, st.integers(1, 20))
def test_blocks_are_numbered_without_a_gap_and_equal_in_size(names, most):
    sizes = np.bincount(blocks_of(len(names), names, blocks=most))

    assert sizes.size == min(len(names), most)
    assert sizes.max() - sizes.min() <= 1


@unhurried
@given(st.lists(st.integers(0, 9), min_size=1, max_size=60), st.integers(1, 20))
def test_rows_of_one_id_are_never_parted(names, most):
    index = blocks_of(len(names), names, blocks=most)

    assert sorted(set(index.tolist())) == list(range(index.max() + 1))
    assert len(set(zip(names, index.tolist(), strict=True))) == len(set(names))


@pytest.mark.parametrize("blocks", [BLOCKS, 128])
def test_without_ids_blocks_are_random_and_of_equal_size(blocks):
    index = blocks_of(10_000, blocks=blocks, seed=1)

    sizes = np.bincount(index)
    assert (sizes.size, sizes.max() - sizes.min()) == (blocks, 1)
    assert (index == blocks_of(10_000, blocks=blocks, seed=1)).all()
    assert (index != blocks_of(10_000, blocks=blocks, seed=2)).any()


def test_few_rows_are_each_their_own_block():
    assert blocks_of(5).tolist() == [0, 1, 2, 3, 4]
    assert sorted(blocks_of(5, list("abcde")).tolist()) == [0, 1, 2, 3, 4]


def test_no_rows_have_no_blocks():
    assert blocks_of(0).size == blocks_of(0, []).size == 0


def test_neighbouring_ids_are_spread_as_if_by_chance():
    """Of 64 blocks of 1,000 in a row, each gets about 1,000 / 64; chi-square within its usual range."""
    for names in (np.arange(64_000), np.char.mod("prediction-%07d", np.arange(64_000))):
        first = np.bincount(blocks_of(64_000, names, blocks=64)[:1000], minlength=64)

        assert 30 < ((first - 1000 / 64) ** 2 / (1000 / 64)).sum() < 110


def test_a_string_has_the_same_hash_beside_longer_ones_and_as_bytes():
    short, long = ["b", "a", "d", "c"], ["b", "a", "d", "c" + "x" * 40]

    same = blocks_of(4, short)[:3].argsort().tolist()

    assert blocks_of(4, long)[:3].argsort().tolist() == same
    assert blocks_of(4, np.array(short, dtype="S")).tolist() == blocks_of(4, short).tolist()
    assert blocks_of(4, np.array(short, dtype=object)).tolist() == blocks_of(4, short).tolist()


def test_times_are_ids_too():
    times = np.array(["2013-04-01", "2013-04-02"], dtype="datetime64[D]")

    assert sorted(blocks_of(2, times).tolist()) == [0, 1]


def test_the_hash_is_pinned():
    """Another hash would put the same rows into other blocks, and change limits that were reported."""
    assert blocks_of(8, np.arange(8)).tolist() == [7, 4, 5, 0, 3, 1, 6, 2]
    assert blocks_of(8, list("abcdefgh")).tolist() == [7, 6, 1, 2, 3, 0, 5, 4]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([1, 2], r"ids have the shape \(2,\) for 3 rows; allowed: one for each"),
        ([[1, 2, 3]], r"ids have the shape \(1, 3\) for 3 rows"),
        ([0.5, 1.0, 2.0], "ids are of type float64; allowed: integers, times or strings, none missing"),
        (["a", None, "b"], "ids are of type object"),
        (np.array(["NaT"] * 3, dtype="datetime64[D]"), "3 of 3 ids are missing; allowed: one for each"),
    ],
)
def test_bad_ids_are_named(names, message):
    with pytest.raises(DataError, match=message):
        blocks_of(3, names)
