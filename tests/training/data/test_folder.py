"""Any folder of classes: copies stay on one side, what cannot be used is said, and serving sees what training saw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inference.answer.classifier import Classifier
from inference.errors import InputError
from inference.model.engine import EngineOutput
from inference.model.schema import InputSpec
from training.data.folder import read_folder
from training.recipes.pictures import load_pictures
from training.recipes.recipe import SplitPlan
from training.recipes.splits import split_folder

PLAN = SplitPlan(test=0.3, validation=0.1)


def draw(rng: np.random.Generator, side_px: int = 48) -> Image.Image:
    """A coloured pattern of its own."""
    small = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
    return small.resize((side_px + int(rng.integers(9)), side_px), Image.Resampling.BICUBIC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twenty pictures of ``no_tumor``, ten of ``Yes & <no>``; every picture of the latter has an enlarged copy."""
    rng = np.random.default_rng(0)
    data = tmp_path / "things"
    for split, label, count in (("train", "no_tumor", 12), ("test", "no_tumor", 8), ("train", "Yes & <no>", 10)):
        (data / split / label).mkdir(parents=True)
        for number in range(count):
            picture = draw(rng)
            picture.save(data / split / label / f"{number}.png")
            if label.startswith("Yes"):
                picture.resize((picture.width * 2, 96)).save(data / split / label / f"{number}-copy.jpg", quality=90)
    (data / "train/no_tumor/broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    return data


def test_labels_are_the_folders_names_and_splits_no_classes(folder: Path) -> None:
    found = read_folder(folder)
    assert found.labels == ("Yes & <no>", "no_tumor")
    assert found.counts() == {"Yes & <no>": 20, "no_tumor": 20}
    assert [path for path, _ in found.unreadable] == ["train/no_tumor/broken.png"]


def test_copies_are_on_one_side_and_are_tested_once(folder: Path) -> None:
    found = read_folder(folder)
    assert len(set(found.groups)) == 30
    for seed in range(5):
        splits = split_folder(found, PLAN, seed)
        groups = {name: [found.groups[index] for index in indices] for name, indices in splits.items()}
        for name in ("validation", "test"):
            assert len(set(groups[name])) == len(groups[name])
            assert not set(groups[name]) & set(groups["train"])
        assert not set(groups["validation"]) & set(groups["test"])
        assert found.counts(splits["test"]) == {"Yes & <no>": 3, "no_tumor": 6}
        assert found.counts(splits["validation"]) == {"Yes & <no>": 1, "no_tumor": 1}
        assert found.counts(splits["train"]) == {"Yes & <no>": 12, "no_tumor": 13}
    again = split_folder(found, PLAN, 4)
    assert all(np.array_equal(splits[name], again[name]) for name in splits)


def test_one_class_or_too_few_pictures_is_a_sentence(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for label, count in (("many", 6), ("few", 3)):
        (tmp_path / "data" / label).mkdir(parents=True)
        for number in range(count):
            draw(rng).save(tmp_path / "data" / label / f"{number}.png")
    (tmp_path / "data/few/copy.png").write_bytes((tmp_path / "data/few/0.png").read_bytes())
    with pytest.raises(InputError, match=r"The class few has too few pictures: 4 different .*, 3 can be read"):
        read_folder(tmp_path / "data")
    for path in (tmp_path / "data/few").iterdir():
        path.unlink()
    with pytest.raises(InputError, match=r"All 6 readable pictures .* are of one class \(many\); two or more"):
        read_folder(tmp_path / "data")


class Eavesdropper:
    """An engine that keeps what it is given."""

    def __init__(self) -> None:
        self.batch = np.empty(0)

    def run(self, batch: np.ndarray, explain: bool = False) -> EngineOutput:
        self.batch = batch
        return EngineOutput(scores=np.tile(np.array([2.0, -1.0], np.float32), (len(batch), 1)))


@pytest.mark.parametrize(
    "spec",
    [
        InputSpec(width_px=40, height_px=36, color_order="grey", value_range=(0, 1), resize="area"),
        InputSpec(width_px=64, height_px=64, color_order="rgb", resize="bilinear"),
        InputSpec(width_px=33, height_px=50, color_order="bgr", value_range=(-1, 1), resize="bicubic"),
    ],
)
def test_training_and_serving_see_the_same_numbers(folder: Path, spec: InputSpec) -> None:
    pytest.importorskip("keras", reason="TensorFlow is not installed")
    from inference.model.bundle import ModelBundle
    from training.recipes.pictures import LoadedSplit, PictureBatches

    path = next((folder / "test/no_tumor").iterdir())
    pictures, _ = load_pictures([path], spec)
    learnt, classes = PictureBatches(LoadedSplit(pictures=pictures, classes=np.array([1])), spec, 4, seed=0)[0]
    engine = Eavesdropper()
    bundle = ModelBundle(
        path=folder,
        name="x",
        version="1",
        title="x",
        subject="x",
        labels=("a", "b"),
        label_texts=("a", "b"),
        network="x",
        input=spec,
    )
    Classifier(bundle, engine).predict(path)
    assert learnt.dtype == engine.batch.dtype == np.float32
    assert np.array_equal(learnt, engine.batch)
    assert learnt.max() <= spec.value_max
    assert learnt.max() > learnt.min() >= spec.value_min
    assert classes.tolist() == [1]


def test_grey_pictures_are_known_as_such(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    draw(rng).save(tmp_path / "colour.png")
    draw(rng).convert("L").save(tmp_path / "grey.png")
    _, grey = load_pictures([tmp_path / "colour.png", tmp_path / "grey.png"], InputSpec())
    assert grey.tolist() == [False, True]
