"""The best items of a large catalogue, most of them, in a small part of the time.

Vectors are put into cells around centres (an inverted file, Faiss: Johnson et al.,
2017), and only the cells nearest to a hidden state are searched. What is found is
scored in float32 like everything else; an item that is missed is missing. How many of
the best are found is measured against the exact search, never assumed.
"""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from tronrec.errors import UserError
from tronrec.retrieval.exact_top_k import NOT_FINITE, ExactTopK, ScoredItems
from tronrec.schemas import PADDING

SMALLEST = 50_000
"""Items up to which the exact search is fast enough, and the only one."""
MEMBERS = 500
"""Items in a cell, on average."""
SAMPLE = 64
"""Items a cell from which the centres are learned."""
SPARE = 2
"""Candidates for each of the best: the coded vectors in the cells are not exact."""
SEED = 1


class ApproximateTopK(ExactTopK):
    """An item table that is searched near the hidden states, with exact scores."""

    def __init__(self, table: Float[Tensor, "rows size"], coarse: torch.dtype) -> None:
        """Put the vectors into cells, which takes minutes for millions of items.

        Args:
            table: Item vectors; row 0 is padding and never found.
            coarse: Precision of the first product of the exact search.

        Raises:
            UserError: The extra `approximate` is not installed, there are too few
                items, or the table holds a vector that is not finite.
        """
        super().__init__(table, coarse)
        items = len(table) - PADDING - 1
        if items < SMALLEST:
            raise UserError(
                f"search = approximate: of {items:,} items, and fewer than "
                f"{SMALLEST:,} are searched faster exactly; set search to exact"
            )
        self.cells = 1 << (items // MEMBERS).bit_length() - 1
        self.probes = 1
        self._inverted = _build(table[PADDING + 1 :].cpu().numpy(), self.cells)

    def search(self, hidden: Float[Tensor, "events size"], k: int) -> ScoredItems:
        """Return items of which most of the best `k` of each event are among.

        Raises:
            UserError: A hidden state is not finite.
        """
        if not hidden.isfinite().all():
            raise UserError(NOT_FINITE)
        few = min(SPARE * k, len(self.table) - PADDING - 1)
        self._inverted.nprobe = self.probes
        _, rows = self._inverted.search(hidden.cpu().numpy(), few)
        # Where the cells hold too few, the rest is found exactly.
        items = torch.from_numpy(rows).to(hidden.device) + PADDING + 1
        short = (items <= PADDING).any(1)
        event = (~short).nonzero()[:, 0].repeat_interleave(few)
        item = items[~short].flatten()
        found = ScoredItems(event, item, self.score(hidden, event, item))
        if not short.any():
            return found
        rest = short.nonzero()[:, 0]
        exact = super().search(hidden[rest], k)
        return ScoredItems(
            torch.cat([found.event, rest[exact.event]]),
            torch.cat([found.item, exact.item]),
            torch.cat([found.score, exact.score]),
        )

    def tune(
        self, hidden: Float[Tensor, "events size"], k: int, recall: float
    ) -> float:
        """Search as many cells as find such a share of the best `k`; return the share.

        Args:
            hidden: Hidden states like those that will be searched for.
            k: Length of the lists.
            recall: Wanted share of the exact list, on average.
        """
        exact = _best(super().search(hidden, k), k)
        self.probes = 1
        while (
            share := self._share_of(exact, hidden, k)
        ) < recall and self.probes < self.cells:
            self.probes *= 2
        self._coarse = None  # seldom needed from now on
        return share

    def _share_of(
        self,
        exact: Int[Tensor, "pairs"],
        hidden: Float[Tensor, "events size"],
        k: int,
    ) -> float:
        """Return the share of (event, item) pairs that this search finds."""
        found = _best(self.search(hidden, k), k)
        return float(torch.isin(exact, found).float().mean())


def _best(scored: ScoredItems, k: int) -> Int[Tensor, "pairs"]:
    """Return the best `k` of each event, a pair of event and item as one number."""
    event, item, _ = scored.sorted()
    first = torch.searchsorted(event, event)
    rank = torch.arange(len(event), device=event.device) - first
    pairs: Tensor = ((event << 32) + item)[rank < k]
    return pairs


def _build(vectors: Float[np.ndarray, "items size"], cells: int) -> Any:
    """Return an inverted file of the vectors, in 8 bits a component.

    Raises:
        UserError: The extra is not installed.
    """
    try:
        import faiss
    except ImportError as error:
        raise UserError(
            "search = approximate needs an extra: pip install 'tronrec[approximate]'"
        ) from error
    size = vectors.shape[1]
    centres = faiss.IndexFlatIP(size)
    inverted = faiss.IndexIVFScalarQuantizer(
        *(centres, size, cells, faiss.ScalarQuantizer.QT_8bit),
        faiss.METRIC_INNER_PRODUCT,
    )
    inverted.cp.max_points_per_centroid = SAMPLE
    inverted.cp.seed = SEED
    few = np.random.default_rng(SEED).permutation(len(vectors))[: SAMPLE * cells]
    inverted.train(vectors[np.sort(few)])
    inverted.add(vectors)
    return inverted
