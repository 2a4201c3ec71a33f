"""The DICOM picture: the shown slice with its heat map and the sentence burnt in, as a secondary capture.

The sentences are `ui.words`', the colours `ui.pictures`'; what is common to all objects is in `ui.reports.objects`.
"""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING

import numpy as np

from ui.pictures import draw_letters, render_overlay
from ui.reports.objects import CAPTURE_SERIES_NUMBER, describe_instance, encode_file
from ui.words.model import describe_model, word_disclaimer
from ui.words.numbers import capitalise
from ui.words.sides import word_sides
from ui.words.volume import word_slice

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont, ImageFont
    from pydicom import Dataset

    from inference.imaging.types import Orientation
    from ui.reports.sources import SourceSlice, Subject
    from ui.reports.topic import Topic


_SMALLEST_SIDE_PX = 512
"""A smaller slice is enlarged, so that the words beneath can be read."""

_DICOM_LETTERS = {"S": "H", "I": "F"}
"""DICOM's words for head and feet (PS3.3, C.7.6.1.1.1)."""


def render_capture(topic: Topic) -> np.ndarray:
    """The slice, with its heat map if there is one, above what must be read with it.

    Returns
    -------
    numpy.ndarray, shape (H, W, 3), uint8, RGB, 0–255
    """
    from PIL import Image

    shown, heatmap, heat = topic.picture, topic.heatmap, topic.heat
    drawn = heat is not None and heat.drawn
    pixels = render_overlay(shown.pixels, heatmap) if heatmap is not None and drawn else shown.pixels
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    scale = math.ceil(_SMALLEST_SIDE_PX / min(picture.size))
    if scale > 1:
        picture = picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.BICUBIC)
    words = _render_words(_list_words(topic), picture.width)
    return np.vstack([draw_letters(np.asarray(picture), shown.orientation), words])


def _list_words(topic: Topic) -> list[str]:
    shown = topic.presentation
    where = "" if topic.volume is None else capitalise(word_slice(topic.shown, len(topic.volume.slices)))
    heat = "" if topic.heat is None else topic.heat.sentence
    sides = word_sides(topic.picture.orientation)
    words = (word_disclaimer(topic.bundle), shown.sentence, heat, where, sides, describe_model(topic.bundle))
    return [sentence for sentence in words if sentence]


def _render_words(sentences: list[str], width_px: int) -> np.ndarray:
    """White on black; uint8 RGB (height, width_px, 3)."""
    from PIL import Image, ImageDraw, ImageFont

    size_px = max(14, width_px // 36)
    font = ImageFont.load_default(size_px)
    lines = [
        line for sentence in sentences for line in textwrap.wrap(sentence, _count_letters(font, width_px - 2 * size_px))
    ]
    strip = Image.new("RGB", (width_px, round(size_px * (1.4 * len(lines) + 1.2))))
    drawing = ImageDraw.Draw(strip)
    for index, line in enumerate(lines):
        drawing.text((size_px, size_px * (0.6 + 1.4 * index)), line, font=font, fill="white")
    return np.asarray(strip)


def _count_letters(font: FreeTypeFont | ImageFont, width_px: float) -> int:
    """How many letters of ordinary text stand in a line."""
    sample = "The quick brown fox jumps over the lazy dog 0123456789."
    return int(len(sample) * width_px / font.getlength(sample) * 0.95)


def encode_capture(topic: Topic, subject: Subject) -> bytes:
    """The picture as a DICOM file that refers to the slice it shows.

    Parameters
    ----------
    topic : Topic
        Of DICOM images that can be referred to (`ui.reports.sources.check_references`).
    subject : Subject
        Whom it belongs to.

    Returns
    -------
    bytes
        A DICOM file of the class Secondary Capture (PS3.3, A.8).
    """
    from highdicom.sc import SCImage

    source = topic.sources[topic.shown]
    orientation = _name_orientation(topic.picture.orientation)
    capture = SCImage(
        pixel_array=render_capture(topic),
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        study_instance_uid=subject.elements.StudyInstanceUID,
        patient_orientation=orientation or ("L", "P"),
        **describe_instance(topic.bundle, CAPTURE_SERIES_NUMBER, "heat map"),
    )
    if orientation is None:
        capture.PatientOrientation = None  # may be empty, but highdicom wants one
    capture.Laterality = None  # of no paired part of the body, as far as is known
    capture.BurnedInAnnotation = "NO"  # what is burnt in does not name the patient
    capture.DerivationDescription = f"Heat map of {topic.bundle.name} {topic.bundle.version}"
    capture.SourceImageSequence = [_build_reference(source)]
    for keyword in ("LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod"):
        if keyword in source.header:
            capture[keyword] = source.header[keyword]
    subject.apply(capture)
    return encode_file(capture)


def _build_reference(source: SourceSlice) -> Dataset:
    """An item of the Source Image Sequence (PS3.3, C.7.6.1.1.4)."""
    from highdicom.sr import CodedConcept
    from pydicom import Dataset
    from pydicom.sr.codedict import codes

    reference = Dataset()
    reference.ReferencedSOPClassUID = source.header.SOPClassUID
    reference.ReferencedSOPInstanceUID = source.header.SOPInstanceUID
    if source.frames is not None:
        reference.ReferencedFrameNumber = source.frames
    purpose = codes.DCM.SourceImageForImageProcessingOperation
    reference.PurposeOfReferenceCodeSequence = [CodedConcept.from_code(purpose)]
    return reference


def _name_orientation(orientation: Orientation | None) -> tuple[str, str] | None:
    """Where the rows and the columns lead (PS3.3, C.7.6.1.1.1); None if that is not known."""
    if orientation is None:
        return None
    return _DICOM_LETTERS.get(orientation.right, orientation.right), _DICOM_LETTERS.get(
        orientation.bottom, orientation.bottom
    )
