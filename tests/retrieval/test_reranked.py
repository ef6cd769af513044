import torch

from tronrec.retrieval.reranker import Reranked


def test_no_other_item_comes_before_the_list_by_rounding():
    """What is subtracted is rounded itself: one in three comes out too small."""
    torch.manual_seed(0)
    least, worst = 10 * torch.randn(2000, 1), 10 * torch.randn(2000, 1)
    one = torch.ones(2000, 1, dtype=torch.long)
    reranked = Reranked(one, worst, least - worst, worst)
    assert (least - reranked.drop > worst).any()
    event = torch.arange(2000)
    for first in (least, torch.nextafter(least, torch.tensor(-torch.inf)), least - 1):
        assert (reranked.behind(first[:, 0], event) <= worst[:, 0]).all()
        assert (reranked.scores_of(2 * one, first) <= worst).all()
    assert torch.equal(reranked.scores_of(one, least), worst)
