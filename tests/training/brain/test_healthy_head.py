"""Slices of a healthy head: cut at every height, the same again, and tumours only where there is brain."""

from pathlib import Path

import nibabel
import numpy as np
import pytest

from inference.errors import InputError
from inference.model.schema import InputSpec
from training.__main__ import main
from training.brain.batches import AugmentedBatches, DrawPlan
from training.brain.healthy_head import _change_sequence, _take_up_contrast, _tissue_greys, slice_head
from training.data.grey import STORED_SIZE_PX
from training.data.manifest import NO_TUMOUR, Sample

SPEC = InputSpec(width_px=150, height_px=150, color_order="bgr", resize="area")


@pytest.fixture
def head(tmp_path: Path) -> tuple[Path, Path]:
    """A grey egg with a textured brain in its upper half, and that brain alone."""
    positions = np.moveaxis(np.mgrid[-30:30, -36:36, -32:32].astype(np.float32), 0, -1) + 0.5
    inside = np.linalg.norm(positions / [28, 34, 30], axis=-1) < 1
    brain = np.linalg.norm((positions - [0, 0, 8]) / [22, 28, 18], axis=-1) < 1
    texture = np.random.default_rng(3).uniform(60, 120, inside.shape)
    files = tmp_path / "head.nii.gz", tmp_path / "brain.nii.gz"
    for file, values in zip(files, (inside * np.where(brain, texture, 200.0), brain * texture), strict=True):
        nibabel.save(nibabel.Nifti1Image(values.astype(np.uint8), np.eye(4)), file)
    return files


def test_the_same_seed_cuts_the_same_slices(head: tuple[Path, Path]) -> None:
    first, again = (list(slice_head(*head, count=12, seed=4)) for _ in range(2))
    other = list(slice_head(*head, count=12, seed=5))

    assert len(first) == 12
    assert len({cut.sample.path for cut in first}) == 12
    assert all(cut.sample.label == NO_TUMOUR for cut in first)
    assert all(np.array_equal(one.grey, two.grey) for one, two in zip(first, again, strict=True))
    assert not any(np.array_equal(one.grey, two.grey) for one, two in zip(first, other, strict=True))


def test_some_slices_have_no_skull_and_some_no_brain(head: tuple[Path, Path]) -> None:
    cuts = list(slice_head(*head, count=60))

    beside = [cut for cut in cuts if not cut.brain.any()]
    without_skull = [cut for cut in cuts if cut.brain.any() and not cut.grey[~cut.brain].any()]
    assert 5 < len(without_skull) < 40
    assert len(beside) > 1  # below the brain
    for cut in cuts:
        assert cut.grey.shape == cut.brain.shape == (STORED_SIZE_PX, STORED_SIZE_PX)
        assert cut.grey.dtype == np.uint8


def test_a_tumour_is_only_put_into_the_brain(head: tuple[Path, Path]) -> None:
    cuts = list(slice_head(*head, count=40))
    brains = {cut.sample.path: cut.brain for cut in cuts}
    pictures = {cut.sample.path: cut.grey for cut in cuts}
    donor = Sample(path=Path("ill#0"), label="glioma", source="there", group="ill", box=(0.5, 0.4, 0.15, 0.15))
    pictures[donor.path] = pictures[next(path for path, brain in brains.items() if brain.mean() > 0.15)]
    batches = AugmentedBatches(
        [donor, *(cut.sample for cut in cuts)],
        pictures,
        SPEC,
        (19, 19),
        DrawPlan(batch_size=1, batches=1),
        brains=brains,
    )
    rng, given, beside = np.random.default_rng(0), 0, 0

    for cut in cuts * 10:
        drawn = batches.draw_counterfactual(cut.sample, rng)
        if drawn is not None:
            given += 1
            lesion = drawn[0].item.lesion > 0.5
            assert cut.brain[lesion].mean() > 0.3
        elif not cut.brain.any():
            beside += 1

    assert given > 40
    assert beside == 10 * sum(not cut.brain.any() for cut in cuts)


def test_head_and_brain_must_fit(head: tuple[Path, Path], tmp_path: Path) -> None:
    small, broken = tmp_path / "small.nii.gz", tmp_path / "broken.nii.gz"
    nibabel.save(nibabel.Nifti1Image(np.ones((4, 5, 6), np.uint8), np.eye(4)), small)
    broken.write_bytes(b"no volume")

    with pytest.raises(InputError, match=r"of one size; received \(60, 72, 64\) and \(4, 5, 6\)"):
        next(slice_head(head[0], small, count=1))
    with pytest.raises(InputError, match=r"small\.nii\.gz is nearly empty"):
        nibabel.save(nibabel.Nifti1Image(np.zeros((4, 5, 6), np.uint8), np.eye(4)), small)
        next(slice_head(small, small, count=1))
    with pytest.raises(InputError, match=r"empty\.nii\.gz is nearly empty"):
        nibabel.save(nibabel.Nifti1Image(np.zeros((60, 72, 64), np.uint8), np.eye(4)), tmp_path / "empty.nii.gz")
        next(slice_head(head[0], tmp_path / "empty.nii.gz", count=1))
    with pytest.raises(InputError, match=r"broken\.nii\.gz is not a NIfTI volume that can be read"):
        next(slice_head(broken, head[1], count=1))


def test_it_is_no_option_of_a_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["fit", "--data", str(tmp_path), "--recipe", "cnn-grey-100", "--healthy", "a", "b"])

    assert "--healthy is for the brain tumour network" in capsys.readouterr().err


@pytest.mark.parametrize(("height_mm", "shines"), [(-32.0, True), (20.0, False)])
def test_the_sella_shines_after_contrast(height_mm: float, shines: bool) -> None:
    x_mm, y_mm = np.meshgrid(np.arange(-60.0, 60.0), np.arange(-60.0, 60.0))
    flat = np.full(x_mm.shape, 80.0, np.float32)
    for seed in range(5):
        positions = np.stack([x_mm, y_mm, np.full_like(x_mm, height_mm)])
        grey = _take_up_contrast(flat, positions, np.random.default_rng(seed))
        near = np.hypot(x_mm, y_mm - 3) < 3
        far = np.hypot(x_mm, y_mm) > 35
        assert (grey[near].mean() > 100) == shines
        assert np.allclose(grey[far], 80.0)


def test_the_tissues_change_places_in_another_sequence() -> None:
    rng = np.random.default_rng(5)
    tissues = _tissue_greys(np.concatenate([rng.normal(mean, 3.0, 4_000) for mean in (30, 80, 130)]).astype(np.float32))
    assert tissues == pytest.approx([30, 80, 130], abs=2)

    grey = np.tile(np.float32([30, 80, 130, 255]), (8, 1))
    in_brain = np.ones((8, 4), np.float32)
    in_brain[:, 3] = 0.0  # the scalp
    orders, scalps = set(), []
    for seed in range(40):
        changed = _change_sequence(grey, in_brain, tissues, np.random.default_rng(seed))
        orders.add(tuple(np.argsort(changed[0, :3]).tolist()))
        scalps.append(changed[0, 3] / 255)
    assert len(orders) >= 4  # fluid darkest and brightest, grey matter above white and below
    assert 0.4 <= min(scalps) < 0.6 < 1.0 < max(scalps) <= 1.2


def test_half_of_the_other_slices_are_of_another_sequence(
    head: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = []
    monkeypatch.setattr("training.brain.healthy_head._change_sequence", lambda grey, *_: changed.append(1) or grey)
    list(slice_head(*head, count=200, seed=3))
    assert 55 <= len(changed) <= 105  # of about 160 that do not go through the sella


def test_every_fifth_slice_goes_through_the_sella(head: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    distances = []

    def keep(grey: np.ndarray, places_mm: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        sella = np.array([0, 3, -32])[:, None, None]
        distances.append(float(np.linalg.norm(places_mm - sella, axis=0).min()))
        return grey

    monkeypatch.setattr("training.brain.healthy_head._take_up_contrast", keep)
    to_mm = np.eye(4)
    to_mm[:3, 3] = (-30, -33, -62)  # the sella lies in the middle of this small head
    for file in head:
        nibabel.save(nibabel.Nifti1Image(np.asarray(nibabel.load(file).dataobj), to_mm), file)
    list(slice_head(*head, count=100, seed=2))

    assert 10 <= len(distances) <= 30
    assert max(distances) < 15
