"""Blocks of rows that neither the file's order nor its writer decides: by a hash of the row's id.

Resampling rows one by one costs as much as there are rows. Resampling 4,096 blocks of them costs the same for
any number of rows, and finds the same error, provided that rows meet in a block by chance. Neighbours in a
file often resemble each other; a hash of the id knows nothing of that, and gives the same blocks every time.

References:
    Steele, Lea & Flood (2014). Fast splittable pseudorandom number generators (the hash's last step). OOPSLA
    453-472. https://doi.org/10.1145/2660193.2660195
"""

import numpy as np
import numpy.typing as npt

from ct_components.errors import DataError
from ct_components.statistics.arrays import Array, Ints

BLOCKS = 4096
"""Enough to find a standard error within 1 %; a million rows are 244 to a block."""

_ODD = 0x9E3779B97F4A7C15
_FIRST = 0xBF58476D1CE4E5B9
_SECOND = 0x94D049BB133111EB

_Hashes = npt.NDArray[np.uint64]


def blocks_of(n: int, ids: npt.ArrayLike | None = None, *, blocks: int = BLOCKS, seed: int = 0) -> Ints:
    """Returns a block for each row, by its id alone and not by its place in the file.

    Ids are hashed to 64 bits: integers and times by the finalizer of SplitMix64, strings by a polynomial of
    their characters and then the same. Rows sorted by hash are cut into blocks of equal size, but none parts
    the rows of one id. So ids that several rows share, such as a customer's, may serve as clusters.

    Args:
        n: Rows.
        ids: Shape (n,): integers, times or strings. None for a random order.
        blocks: How many, if there are as many rows.
        seed: Of the random order.

    Returns:
        Shape (n,); from 0 and without a gap.

    Raises:
        DataError: If ids are not one-dimensional, not as many, of another type, or missing.

    >>> blocks_of(6, ["f", "a", "c", "b", "a", "d"], blocks=3)
    array([0, 2, 0, 1, 2, 1])
    >>> blocks_of(3)
    array([0, 1, 2])
    """
    if ids is None:
        places = np.random.default_rng(seed).permutation(n) if n > blocks else np.arange(n)
        return np.asarray(places * min(n, blocks) // max(n, 1), dtype=np.intp)
    hashes = _hashed(ids, n)
    order = np.argsort(hashes)
    ascending = hashes[order]
    starts = np.append(True, ascending[1:] != ascending[:-1])[:n]
    first = np.maximum.accumulate(np.where(starts, np.arange(n), 0))
    block = first * min(n, blocks) // max(n, 1)
    index = np.empty(n, dtype=np.intp)
    index[order] = np.cumsum(np.append(False, block[1:] != block[:-1])[:n])
    return index


def _hashed(ids: npt.ArrayLike, n: int) -> _Hashes:
    array: Array = np.asarray(ids)
    if array.dtype == object:
        array = np.asarray(array.tolist())
    if array.shape != (n,):
        raise DataError(f"ids have the shape {array.shape} for {n} rows; allowed: one for each")
    if array.dtype.kind in "US":
        return _finalized(_polynomial(array))
    if array.dtype.kind == "M" and np.isnat(array).any():
        raise DataError(f"{np.isnat(array).sum()} of {n} ids are missing; allowed: one for each")
    if array.size and array.dtype.kind not in "biuMm":
        raise DataError(f"ids are of type {array.dtype}; allowed: integers, times or strings, none missing")
    return _finalized(array.astype(np.int64).view(np.uint64))


def _polynomial(text: Array) -> _Hashes:
    """Returns the sum of each string's characters times powers of one odd number, modulo 2^64.

    What pads shorter strings is 0 and adds nothing, so a string's hash does not depend on its neighbours.
    """
    native = np.ascontiguousarray(text, dtype=text.dtype.newbyteorder("="))
    characters = native.view("u4" if text.dtype.kind == "U" else "u1")
    hashes = np.zeros(text.size, dtype=np.uint64)
    columns = characters.reshape(text.size, -1).T if text.size else ()
    for place, column in enumerate(columns, start=1):
        hashes += column.astype(np.uint64) * np.uint64(pow(_ODD, place, 2**64))
    return hashes


def _finalized(hashes: _Hashes) -> _Hashes:
    mixed = hashes + np.uint64(_ODD)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(_FIRST)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(_SECOND)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))
