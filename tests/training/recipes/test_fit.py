"""From class folders to a bundle that is served: what a run leaves behind, and what it says when it cannot."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from types import SimpleNamespace

import jsonschema
import numpy as np
import pytest
from PIL import Image

keras = pytest.importorskip("keras", reason="TensorFlow is not installed")

from inference import Classifier, Verdict  # noqa: E402
from inference.errors import SettingsError  # noqa: E402
from inference.model.schema import build_json_schema  # noqa: E402
from training.__main__ import main  # noqa: E402
from training.recipes.fit import fit_folder  # noqa: E402
from training.recipes.networks import TRUNK, build_network, unfreeze  # noqa: E402
from training.recipes.pictures import LoadedSplit, build_augmenter, crop_at_random  # noqa: E402
from training.recipes.recipe import RECIPES, load_recipe, read_recipe  # noqa: E402
from training.recipes.settings import FolderSettings, apply_settings  # noqa: E402
from training.recipes.stages import build_callbacks, train_stages, weigh_classes  # noqa: E402

RECIPE = {
    "summary": "a very small network",
    "origin": "for tests",
    "network": {"backbone": "cnn", "convolutions": [8], "dense": 8, "dropout": 0.1},
    "input": {"width_px": 32, "height_px": 32, "color_order": "grey", "value_range": [0, 1], "resize": "area"},
    "split": {"test": 0.3, "validation": 0.2},
    "augmentation": {"flip": "horizontal", "crop": 0.1, "rotation": 0.02, "zoom": 0.05, "contrast": 0.1},
    "training": {"epochs": 8, "batch_size": 8, "learning_rate": 0.02, "patience": 8, "plateau_patience": 2},
}

LABELS = ("across", "up & down")


def draw_stripes(rng: np.random.Generator, label: str) -> Image.Image:
    """Stripes of random width, phase and brightness over noise, grey."""
    rows, columns = np.mgrid[0:48, 0:48]
    wave = np.sin((rows if label == "across" else columns) * rng.uniform(0.5, 0.9) + rng.uniform(0, 6))
    pixels = rng.uniform(90, 150) + 60 * wave + rng.normal(0, 12, (48, 48))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """One run from the command line on 30 and 45 pictures, and one file that is no picture."""
    folder = tmp_path_factory.mktemp("run")
    rng = np.random.default_rng(0)
    data = folder / "stripes"
    for label, count in zip(LABELS, (30, 45), strict=True):
        (data / label).mkdir(parents=True)
        for number in range(count):
            draw_stripes(rng, label).save(data / label / f"{number:02}.png")
    (data / "across" / "notes.txt").write_text("no picture", encoding="utf-8")
    recipe = folder / "stripes-32.json"
    recipe.write_text(json.dumps(RECIPE), encoding="utf-8")
    arguments = ["fit", "--data", str(data), "--recipe", str(recipe), "--work", str(folder / "work")]
    arguments += ["--out", str(folder / "bundle"), "--title", "Stripes <b>", "--subject", "stripes", "--seed", "3"]
    assert main(arguments) == 0
    return SimpleNamespace(folder=folder, data=data, bundle=folder / "bundle", arguments=arguments, rng=rng)


def test_it_is_served_and_knows_what_it_learnt(run: SimpleNamespace) -> None:
    classifier = Classifier.load(run.bundle)
    assert classifier.bundle.labels == LABELS
    assert classifier.bundle.input.channels == 1
    fresh = [(label, np.asarray(draw_stripes(run.rng, label))) for label in LABELS for _ in range(10)]
    predictions = list(classifier.predict_many(pixels for _, pixels in fresh))
    assert np.mean([p.label == label for p, (label, _) in zip(predictions, fresh, strict=True)]) >= 0.9
    red = np.zeros((48, 48, 3), np.uint8)
    red[::2, :, 0] = 255
    assert classifier.predict(red).verdict is Verdict.REJECTED, "it learnt from grey pictures only"
    noise = np.random.default_rng(1).integers(0, 256, (48, 48), dtype=np.uint8)
    assert np.median([p.novelty for p in predictions]) < 1.0
    assert classifier.predict(noise).verdict is Verdict.REJECTED


def test_the_figures_are_those_of_the_test_part(run: SimpleNamespace) -> None:
    figures = json.loads((run.bundle / "evaluation.json").read_text(encoding="utf-8"))
    assert figures["counts"]["test"] == {"across": 9, "up & down": 14}
    assert figures["counts"]["validation"] == {"across": 4, "up & down": 6}
    classes = figures["classes"]
    assert classes["images"] == 23 == sum(map(sum, classes["confusion"]))
    assert classes["accuracy"] == np.trace(classes["confusion"]) / 23
    assert classes["majority_class_accuracy"] == pytest.approx(14 / 23)
    assert classes["accuracy"] > classes["majority_class_accuracy"] + 0.2
    assert figures["pictures"]["unreadable"][0]["path"] == "across/notes.txt"
    assert {"before", "after"} <= figures["calibration"].keys()
    assert len(figures["history"]["val_accuracy"]) == len(figures["history"]["loss"]) <= 8
    assert figures["duration_s"] > 0


def test_the_bundle_says_how_it_was_made(run: SimpleNamespace) -> None:
    document = json.loads((run.bundle / "bundle.json").read_text(encoding="utf-8"))
    assert document["title"] == "Stripes <b>"
    assert document["calibration"]["confident_at"] == 0.5
    assert document["novelty"]["grey_only"] is True
    assert document["novelty"]["statistics"] == "features.npz"
    assert document["input"] == RECIPE["input"]
    assert (document["$schema"], document["schema"]) == ("bundle-1.json", 1)
    jsonschema.validate(document, build_json_schema())
    assert document["provenance"]["recipe"]["network"]["convolutions"] == [8]
    assert str(run.folder) not in json.dumps(document), "no path of the machine is told"
    weights = document["provenance"]["class_weights"]
    assert weights["across"] > 1 > weights["up & down"]
    assert {"report.html", "model.onnx", "MODEL_CARD.md"} <= document["files"].keys()


def test_the_report_stands_alone_and_is_escaped(run: SimpleNamespace) -> None:
    page = (run.bundle / "report.html").read_text(encoding="utf-8")
    assert "<h1>Stripes &lt;b&gt;</h1>" in page
    assert "up &amp; down" in page
    assert "up & down" not in page
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", page), "nothing is loaded from elsewhere"
    for words in ("Pictures of each class", "25 training pictures", "Classification report", "Confusion matrix"):
        assert words in page
    assert page.count("data:image/jpeg") >= 25 + 5
    assert "notes.txt" in page
    assert "1.5 times as many pictures as the rarest" in page
    card = (run.bundle / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert card.startswith("# Stripes \\<b> (bundle 0.1.0)\n")
    assert "| up & down | 25 | 6 | 14 |" in card


def test_each_figure_is_a_file_that_stands_alone(run: SimpleNamespace) -> None:
    from xml.etree import ElementTree

    names = {path.stem for path in (run.bundle / "figures").glob("*.svg")}
    assert {"class-counts", "training-pictures", "accuracy", "loss", "confusion-matrix", "calibration"} <= names
    assert "right-answers" in names
    for path in (run.bundle / "figures").glob("*.svg"):
        assert ElementTree.parse(path).getroot().tag == "{http://www.w3.org/2000/svg}svg"
    sheet = (run.bundle / "figures" / "training-pictures.svg").read_text(encoding="utf-8")
    assert sheet.count("<image ") == 25


def test_a_finished_run_rests_and_a_changed_one_starts_anew(
    run: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("it learns again")

    monkeypatch.setattr("training.recipes.stages._train_stage", refuse)
    pictures = [np.asarray(draw_stripes(run.rng, label)) for label in LABELS * 3]
    before = [p.probabilities for p in Classifier.load(run.bundle).predict_many(pictures)]
    assert main(run.arguments) == 0
    after = [p.probabilities for p in Classifier.load(run.bundle).predict_many(pictures)]
    for one, other in zip(before, after, strict=True):
        assert one == pytest.approx(other, abs=1e-5)
    own = [run.folder / "work" / name for name in ("notes.txt", "head/notes.txt", "head/backup/notes.txt")]
    for path in own:
        path.parent.mkdir(exist_ok=True)
        path.write_text("not the run's", encoding="utf-8")
    with pytest.raises(RuntimeError, match="learns again"):
        main([*run.arguments, "--epochs", "9"])
    left = {path for path in (run.folder / "work").rglob("*") if path.is_file()}
    assert left == {*own, run.folder / "work" / "run.json"}, "what the run wrote is gone, and nothing else"


def test_a_run_that_diverged_is_a_sentence(tmp_path: Path) -> None:
    recipe = read_recipe(RECIPE, "wild")
    network = build_network(recipe, 2)
    network.save_weights(tmp_path / "head.weights.h5")
    (tmp_path / "head").mkdir()
    log = "epoch,accuracy,loss,val_accuracy,val_loss\n0,0.5,nan,0.5,nan\n"
    (tmp_path / "head" / "log.csv").write_text(log, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"diverged.*--learning-rate"):
        train_stages(network, {}, apply_settings(recipe, FolderSettings()), tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("run.json", '{"speed": 4}', "run.json was not written by a recipe's run"),
        ("run.json", None, "cannot be used for the run"),
    ],
)
def test_a_work_folder_that_is_not_a_run_s_is_left_alone(
    run: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: str | None, words: str
) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8") if content else (tmp_path / name).mkdir()
    with pytest.raises(SystemExit) as stop:
        main([*run.arguments, "--work", str(tmp_path)])
    assert stop.value.code == 1
    assert words in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [name]


class Stop(keras.callbacks.Callback):
    """Ctrl+C at the beginning of the third epoch."""

    def on_epoch_begin(self, epoch: int, logs=None) -> None:
        if epoch == 2:
            raise KeyboardInterrupt


def test_an_interrupted_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    recipe = read_recipe(RECIPE | {"training": RECIPE["training"] | {"epochs": 4}}, "tiny")
    pictures = rng.integers(0, 256, (16, 32, 32, 1), dtype=np.uint8)
    split = LoadedSplit(pictures=pictures, classes=np.arange(16) % 2)
    splits, plan = {"train": split, "validation": split}, apply_settings(recipe, FolderSettings())
    build = build_callbacks
    with monkeypatch.context() as patch:
        patch.setattr("training.recipes.stages.build_callbacks", lambda *args: [*build(*args), Stop()])
        with pytest.raises(KeyboardInterrupt):
            train_stages(build_network(recipe, 2), splits, plan, tmp_path)
    history = train_stages(build_network(recipe, 2), splits, plan, tmp_path)
    with (tmp_path / "head" / "log.csv").open(encoding="utf-8") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0", "1", "2", "3"]
    assert len(history["loss"]) == 4
    assert list((tmp_path / "head" / "tensorboard").rglob("events*"))
    assert (tmp_path / "head" / "best.weights.h5").is_file()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--recipe", "nothing"], "There is no recipe nothing"),
        (["--recipe", "cnn-grey-100", "--unfreeze"], "has no second stage"),
        (["--recipe", "cnn-grey-100", "--epochs", "0"], "--epochs must be above 0; received 0"),
        (["--recipe", "cnn-grey-100", "--volumes"], "--volumes is for the brain tumour network"),
        (["--recipe", "lite0-imagenet", "--epochs", "3"], "--epochs changes nothing in lite0-imagenet"),
        (["--title", "x"], "--title is for a recipe"),
        (["--recipe", "cnn-grey-100", "--out", "models/brain_tumor"], "holds a bundle that no recipe made"),
        (["--recipe", "cnn-grey-100", "--out", "docs"], "docs holds files that are no bundle"),
        (["--recipe", "cnn-grey-100", "--out", "README.md"], "README.md is a file"),
    ],
)
def test_what_does_not_fit_together_is_a_sentence(
    options: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["fit", "--data", str(tmp_path), *options])
    assert stop.value.code == 1
    assert words in capsys.readouterr().err


def test_no_data_is_a_sentence(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GYRUS_DATA", raising=False)
    with pytest.raises(SystemExit):
        main(["fit", "--recipe", "cnn-grey-100"])
    assert "--data FOLDER" in capsys.readouterr().err


def test_weights_that_cannot_be_downloaded_are_a_sentence(
    run: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.applications, "EfficientNetB0", fail)
    with pytest.raises(SettingsError, match=r"EfficientNetB0 could not be downloaded.*--recipe lite0-224"):
        build_network(load_recipe("efficientnet-b0-224"), 2)
    assert not (tmp_path / "bundle").exists()


def test_the_backbone_is_frozen_then_learns_but_for_its_norms() -> None:
    recipe = load_recipe("lite0-224")
    document = json.loads((RECIPES / "lite0-224.json").read_text(encoding="utf-8"))
    small = read_recipe(document | {"input": document["input"] | {"width_px": 64, "height_px": 64}}, "small")
    network = build_network(small, 3)
    assert [variable.path for variable in network.trainable_variables] == ["logits/kernel", "logits/bias"]
    unfreeze(network)
    thawed = {variable.name for variable in network.get_layer(TRUNK).trainable_variables}
    assert thawed == {"kernel"}
    assert len(network.trainable_variables) > 40
    assert recipe.unfreezing is not None
    outputs = network(np.zeros((2, 64, 64, 3), np.float32))
    assert outputs["logits"].shape == (2, 3)
    assert outputs["features"].shape == (2, 24 + 40 + 80 + 112 + 192 + 1280)


def test_a_network_of_keras_applications_is_built_too(monkeypatch: pytest.MonkeyPatch) -> None:
    original = keras.applications.EfficientNetV2B0
    monkeypatch.setattr(keras.applications, "EfficientNetV2B0", lambda **kw: original(**{**kw, "weights": None}))
    network = build_network(load_recipe("efficientnet-v2b0-224"), 5)
    assert network(np.zeros((1, 224, 224, 3), np.float32))["logits"].shape == (1, 5)
    assert len(network.trainable_variables) == 2


def test_augmentation_changes_pictures_and_stays_in_range() -> None:
    recipe = load_recipe("lite0-224")
    pictures = np.random.default_rng(0).integers(0, 256, (4, 64, 48, 3), dtype=np.uint8)
    cropped = crop_at_random(pictures, recipe.augmentation.crop, np.random.default_rng(0))
    assert cropped.shape == pictures.shape
    assert cropped.dtype == np.uint8
    assert not np.array_equal(cropped, pictures)
    changed = np.asarray(build_augmenter(recipe)(pictures.astype(np.float32), training=True))
    assert changed.shape == pictures.shape
    assert changed.min() >= 0
    assert changed.max() <= 255
    assert np.abs(changed - pictures).mean() > 5
    assert build_augmenter(load_recipe("cnn-grey-100")) is None


def test_too_many_convolutions_are_a_sentence() -> None:
    deep = RECIPE["network"] | {"convolutions": [8] * 5}
    with pytest.raises(SettingsError, match="5 convolutions leave nothing of a picture of 32×32 pixels"):
        build_network(read_recipe(RECIPE | {"network": deep}, "deep"), 2)


def test_every_class_weighs_the_same_in_all() -> None:
    classes = np.array([0] * 30 + [1] * 10 + [2] * 20)
    weights = weigh_classes(classes)
    totals = [weights[index] * (classes == index).sum() for index in range(3)]
    assert totals == pytest.approx([20, 20, 20])


def test_a_recipe_without_training_takes_no_pictures(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="trains nothing"):
        fit_folder(tmp_path, load_recipe("lite0-imagenet"), tmp_path, tmp_path, FolderSettings())
