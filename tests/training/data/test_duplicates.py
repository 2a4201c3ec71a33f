"""Copies are found wherever they are."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.heads import draw_head
from training.data.duplicates import KINDS, find_duplicates
from training.data.grey import thumbnail


def test_blocks_find_what_one_block_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    heads = [draw_head(seed % 7, 256)[:, :: -1 if seed > 9 else 1] // (1 + seed % 2) for seed in range(14)]
    heads += [np.zeros((256, 256), np.uint8)] * 2  # no thumbnail to compare, but the same pixels
    thumbs, digests = np.stack([thumbnail(head) for head in heads]), [head.tobytes().hex() for head in heads]

    def find() -> set[tuple[int, int, str]]:
        found = find_duplicates(thumbs, digests)
        kinds = [KINDS[kind] for kind in found.kind]
        return set(zip(found.first.tolist(), found.second.tolist(), kinds, strict=True))

    whole = find()
    assert {(0, 7, "near"), (3, 10, "mirrored"), (14, 15, "exact")} <= whole
    assert len(whole) == 8
    monkeypatch.setattr("training.data.duplicates._BLOCK", 3)
    assert find() == whole
