"""The k-th largest of a few values, without sorting them."""

from typing import Any

from tronrec.ops.compiled import compiled


@compiled
def kth_largest(values: Any, k: int) -> Any:
    """Return the k-th largest, from 1 on; the values are put into another order.

    Hoare's quickselect. Who calls it keeps a compiled copy until its own file changes.
    """
    low, high, target = 0, len(values) - 1, k - 1
    while low < high:
        pivot = values[(low + high) >> 1]
        left, right = low, high
        while left <= right:
            while values[left] > pivot:
                left += 1
            while values[right] < pivot:
                right -= 1
            if left <= right:
                values[left], values[right] = values[right], values[left]
                left += 1
                right -= 1
        if target <= right:
            high = right
        elif target >= left:
            low = left
        else:
            break
    return values[target]
