"""Between Arrow and NumPy without pandas.

pyarrow imports pandas, where it is installed, to make a scalar or an array of Python values, and to turn an
array into NumPy's: 0.3 s or more in stages that need no pandas. So buffers are wrapped instead.
"""

from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

T = TypeVar("T", np.float64, np.int32, np.int64)


def wrap(column: pa.ChunkedArray, dtype: type[T], missing: float) -> NDArray[T]:
    """Returns a column of fixed-width numbers as NumPy array, shape (n,).

    Args:
        column: Of the Arrow type that `dtype` is the counterpart of.
        dtype: Of the result.
        missing: What stands for null.

    Returns:
        Read-only when it could be had without a copy.
    """
    parts: list[NDArray[T]] = [_wrap_chunk(chunk, dtype, missing) for chunk in column.chunks]
    return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, dtype), *parts])


def scalar(value: int, kind: pa.DataType) -> pa.Scalar:
    """Returns an Arrow scalar of a 64-bit type."""
    return pa.Array.from_buffers(kind, 1, [None, pa.py_buffer(np.int64(value).tobytes())])[0]


def _wrap_chunk(chunk: Any, dtype: type[T], missing: float) -> NDArray[T]:
    if not len(chunk):
        return np.empty(0, dtype)
    validity, data = chunk.buffers()
    values = np.frombuffer(data, dtype, len(chunk), chunk.offset * np.dtype(dtype).itemsize)
    if not chunk.null_count:
        return values
    bits = np.unpackbits(np.frombuffer(validity, np.uint8), bitorder="little")
    valid = bits[chunk.offset : chunk.offset + len(chunk)].astype(bool)
    return np.where(valid, values, np.array(missing, dtype))
