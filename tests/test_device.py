import re

import pytest
import torch

from tronrec.device import choose_device, coarse_dtype, search_dtype, training_dtype
from tronrec.errors import UserError
from tronrec.ops import int8_matmul


def test_a_device_is_named_or_found():
    assert choose_device("cpu").type == "cpu"
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert choose_device("auto").type == expected


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_gpu_is_refused_with_the_remedy():
    with pytest.raises(UserError, match=r"device = cuda: .* use auto or cpu"):
        choose_device("cuda")


@pytest.mark.parametrize("has", [False, True])
def test_the_processor_decides_the_coarse_precision(monkeypatch, has):
    """What is relied on: torch answers these two private questions with a Boolean."""
    assert isinstance(torch.cpu._is_avx512_bf16_supported(), bool)
    assert isinstance(torch.cpu._is_vnni_supported(), bool)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has)
    monkeypatch.setattr(int8_matmul, "has_instruction", lambda: has)
    monkeypatch.setattr(int8_matmul, "has_loops", lambda: False)
    cpu = torch.device("cpu")
    assert coarse_dtype(cpu) == (torch.bfloat16 if has else torch.float32)
    assert search_dtype(cpu) == (torch.int8 if has else torch.float32)


@pytest.mark.parametrize(
    ("native", "precision", "expected"),
    [
        (True, "float32", None),
        (True, "bfloat16", torch.bfloat16),
        (True, "auto", torch.bfloat16),
        (False, "float32", None),
        (False, "auto", None),
        (False, "bfloat16", torch.bfloat16),
    ],
)
def test_emulated_precision_is_warned_of(
    monkeypatch, caplog, native, precision, expected
):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: native)
    assert training_dtype(precision, torch.device("cpu")) == expected
    lines = [record.getMessage() for record in caplog.records]
    if native or expected is None:
        assert not lines
    else:
        measured = (
            r"training.precision = bfloat16: .* took \d+\.\d times as long .* auto"
        )
        assert re.match(measured, lines[0])
