"""The window on a display: clicks and keys go in, what is seen comes out; no callback may raise."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from inference.answer.prediction import Prediction
from tests.ui.desktop.conftest import Desk


def test_choose_classify_read(desk: Desk, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.desktop.window.filedialog.askopenfilename", lambda **options: str(folder / "1 pear.png"))
    desk.wait(lambda: desk.sees("Choose a fruit, or drop one here"))
    desk.click(desk.window.picture.choose)
    desk.wait(lambda: desk.sees("120 × 90 pixels"))
    desk.wait(lambda: desk.sees("1 of 5 in this folder"))
    assert desk.sees("1 pear.png")
    desk.click(desk.window.answer.classify)
    desk.wait(lambda: desk.sees("Pear, 94 %."))
    for text in ("94 %", "Pear Fruit", "3 %", "Quince", "2 %", "Apple", "not a medical device", "fruit 1.2.3"):
        assert desk.sees(text), text
    assert desk.window.picture.stage.find_withtag("picture")
    assert desk.window.root.title() == "Gyrus: 1 pear.png: Pear, 94 %."


def test_keys_alone_are_enough(desk: Desk, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.desktop.window.filedialog.askopenfilename", lambda **options: str(folder / "1 pear.png"))
    desk.press("<Control-o>")
    desk.wait(lambda: desk.sees("1 of 5 in this folder"))
    desk.press("<Return>")
    desk.wait(lambda: desk.sees("Pear, 94 %."))
    desk.press("<Right>")
    assert not desk.sees("94 %")
    desk.wait(lambda: desk.sees("2 of 5 in this folder"))
    desk.press("<Return>")
    desk.wait(lambda: desk.sees("Not sure: apple (48 %) or quince (41 %)."))
    desk.press("<Left>")
    desk.wait(lambda: desk.sees("1 of 5 in this folder"))
    assert desk.sees("No answer yet.")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("10 other.png", "This does not look like a fruit, so no answer is given."),
        ("12 broken.png", "received a text file"),
    ],
)
def test_a_refusal_and_an_error_are_sentences(desk: Desk, folder: Path, name: str, sentence: str) -> None:
    desk.classify(folder / name)
    assert desk.sees(sentence)
    assert desk.sees("not a medical device")
    assert not desk.sees("Show where the evidence is")


def test_heat_map_has_a_switch(desk: Desk, folder: Path) -> None:
    from PIL import ImageTk

    def picture() -> bytes:
        photo = desk.window.picture.stage._photo
        return ImageTk.getimage(photo).tobytes()

    desk.classify(folder / "1 pear.png")
    desk.wait()
    assert desk.sees("no evidence") and desk.sees("strong evidence") and desk.sees("upper right part")
    with_map = picture()
    desk.click(desk.window.answer.heat_switch)
    without_map = picture()
    assert with_map != without_map
    desk.press("<h>")
    assert picture() == with_map
    desk.classify(folder / "11 sure.png")
    assert desk.sees("No place in the image stands out.")
    assert not desk.sees("Show where the evidence is")


def test_the_window_lives_while_the_model_works(desk: Desk, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, gate = threading.Event(), threading.Event()
    answer = desk.classifier.predict

    def predict(*arguments: Any, **options: Any) -> Prediction:
        begun.set()
        gate.wait(30)
        return answer(*arguments, **options)

    monkeypatch.setattr(desk.classifier, "predict", predict)
    desk.window.take(folder / "1 pear.png")
    desk.wait(lambda: desk.sees("120 × 90 pixels"))
    desk.press("<Return>")
    desk.wait(lambda: begun.is_set() and desk.sees("Reading the image…"))
    desk.press("<F1>")
    desk.wait(lambda: any(child.winfo_class() == "Toplevel" for child in desk.window.root.winfo_children()))
    desk.window.root.geometry("900x600")
    desk.wait(lambda: desk.window.root.winfo_height() == 600)
    assert desk.window.session.busy
    gate.set()
    desk.wait(lambda: desk.sees("Pear, 94 %."))


def test_closing_while_busy_is_clean(desk: Desk, folder: Path) -> None:
    desk.classifier.delay_s = 0.5
    desk.window.take(folder / "1 pear.png")
    desk.window.classify()
    desk.wait(lambda: len(desk.classifier.calls) == 1)
    desk.window.close()
    assert not desk.window._worker._thread.is_alive()


def test_another_model_withdraws_the_answer(desk: Desk, folder: Path) -> None:
    desk.classify(folder / "1 pear.png")
    model = desk.window.bar.model
    assert model.cget("values") == ("Fruit", "Medlars")
    model.current(1)
    model.event_generate("<<ComboboxSelected>>")
    desk.wait()
    assert desk.sees("Choose a medlar and press Classify.")
    assert desk.sees("1 pear.png")


def test_copy_and_save(desk: Desk, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.desktop.window.filedialog.asksaveasfilename", lambda **options: str(tmp_path / "kept.png"))
    desk.press("<Control-s>")
    assert desk.sees("There is no answer to save yet.")
    desk.classify(folder / "1 pear.png")
    desk.press("<Control-c>")
    assert "Pear, 94 %." in desk.window.root.clipboard_get()
    desk.press("<Control-s>")
    desk.wait(lambda: desk.sees("Saved kept.png and kept.json."))
    assert json.loads((tmp_path / "kept.json").read_text(encoding="utf-8"))["label"] == "Pear Fruit"
    (tmp_path / "kept.png").unlink()
    desk.press("<Control-s>")
    desk.wait(lambda: desk.sees("kept.json is there already"))


def test_a_dropped_file_is_taken(desk: Desk, folder: Path) -> None:
    class Event:
        action = "copy"
        data = f"{{{folder / '1 pear.png'}}}"  # Tcl's list of one name with a space

    assert desk.window._on_drop(Event()) == "copy"
    desk.wait(lambda: desk.sees("120 × 90 pixels"))


def test_about_says_what_it_is_not(desk: Desk) -> None:
    def toplevels() -> list[Any]:
        return [child for child in desk.window.root.winfo_children() if child.winfo_class() == "Toplevel"]

    desk.press("<F1>")
    (about,) = toplevels()
    (text,) = [child for child in about.winfo_children() if child.winfo_class() == "Text"]
    for part in ("not a medical device", "Fruit", "It has never seen a medlar.", "Ctrl+O"):
        assert part in text.get("1.0", "end")
    about.event_generate("<Escape>")
    desk.wait()
    assert toplevels() == []


def test_both_appearances_and_the_stage_stays_black(desk: Desk, folder: Path) -> None:
    from ui.desktop.theme import DARK, LIGHT

    desk.classify(folder / "1 pear.png")
    for name, palette in (("Dark", DARK), ("Light", LIGHT), ("Dark", DARK)):
        desk.window.set_appearance(name)
        desk.wait()
        assert desk.window.root.style.lookup("TFrame", "background") == palette.ground
        assert desk.window.picture.stage.cget("background") == "#000000"
        assert desk.sees("Pear, 94 %.")


def test_the_appearance_is_remembered(desk: Desk) -> None:
    from ui.desktop.theme import DARK
    from ui.desktop.window import Window
    from ui.desktop.worker import Worker

    desk.window.set_appearance("Dark")
    desk.window.close()
    worker = Worker()
    again = Window(desk.window.session, worker)
    try:
        assert again.bar.appearance.get() == "Dark"
        assert again.root.style.lookup("TFrame", "background") == DARK.ground
    finally:
        desk.close(again)


def test_a_model_without_a_disclaimer_shows_no_empty_card(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    assert desk.window.answer._card.winfo_ismapped()
    monkeypatch.setattr("ui.desktop.panels.word_disclaimer", lambda bundle: "")
    desk.window.refresh()
    desk.wait()
    assert not desk.window.answer._card.winfo_ismapped()


def test_enter_classifies_after_another_model_was_chosen(desk: Desk, folder: Path) -> None:
    desk.window.take(folder / "1 pear.png")
    desk.window.bar.model.focus_set()
    desk.press("<Return>")
    desk.wait(lambda: desk.sees("Pear, 94 %."))
    assert desk.window.session.answer is not None


def test_a_volume_is_answered_on_one_of_its_slices(desk: Desk, tmp_path: Path) -> None:
    from tests.clinical import box_volume, encode_nifti

    (tmp_path / "head.nii").write_bytes(encode_nifti(box_volume()))
    desk.window.take(tmp_path / "head.nii")
    desk.wait(lambda: desk.sees("slice 4 of 6"))
    desk.press("<Return>")
    desk.wait(lambda: desk.sees("This is the answer for all 6 slices together."))
    assert desk.sees("no evidence")


def test_every_control_is_reached_with_tab(desk: Desk, folder: Path) -> None:
    desk.classify(folder / "1 pear.png")
    window = desk.window
    wanted = {window.bar.model, window.picture.choose, window.picture.next, window.answer.classify}
    wanted |= {window.answer.heat_switch, window.answer.copy, window.answer.save}
    widget, reached = window.bar, set()
    for _ in range(30):
        widget = widget.tk_focusNext()
        reached.add(widget)
    assert wanted <= reached


def test_a_small_window_scrolls_the_answer(desk: Desk, folder: Path) -> None:
    desk.window.root.geometry("840x520")
    desk.classify(folder / "2 unsure.png")
    desk.wait(lambda: desk.window.root.winfo_height() == 520)
    column = desk.window.answer
    assert column._overflows()
    assert desk.sees("not a medical device")
    column.reveal(column.save)
    desk.wait()
    assert column.save.winfo_rooty() + column.save.winfo_height() <= column.winfo_rooty() + column.winfo_height()


def test_a_failing_callback_becomes_a_sentence(desk: Desk) -> None:
    desk.window._report(RuntimeError, RuntimeError("secret"), None)
    desk.wait()
    assert desk.sees("Something went wrong (id ")
    assert not desk.sees("secret")
