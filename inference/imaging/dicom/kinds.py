"""Modality and sequence in words of fixed lists; text of the header, which may name a person, is never repeated."""

from __future__ import annotations

import re

_MODALITIES = {
    "CR": "computed radiography",
    "CT": "computed tomography",
    "DX": "digital radiography",
    "ES": "endoscopy",
    "KO": "a selection of images",
    "MG": "mammography",
    "MR": "magnetic resonance",
    "NM": "nuclear medicine",
    "OT": "of another kind",
    "PR": "a presentation state",
    "PT": "positron emission tomography",
    "RF": "fluoroscopy",
    "RTDOSE": "a radiotherapy dose",
    "RTPLAN": "a radiotherapy plan",
    "RTSTRUCT": "radiotherapy structures",
    "SC": "secondary capture",
    "SEG": "a segmentation",
    "SR": "a structured report",
    "US": "ultrasound",
    "XA": "angiography",
}
"""Codes of PS3.3, C.7.3.1.1.1, that are met beside MR."""

_SEQUENCES = {
    "FLAIR": r"flair|tirm|dark.?fluid",
    "diffusion": r"dwi|diff|adc|trace|dti",
    "susceptibility": r"swi|swan|venbold",
    "localizer": r"locali[sz]er|scout|survey|3.?pl",
    "T2*": r"t2.?\*|t2.?star|hemo",
    "T2": r"t2",
    "T1": r"t1|mp.?rage|bravo|spgr",
    "proton density": r"\bpd\b|proton",
    "perfusion": r"perf|dsc|asl",
}
"""What a series may be called, and what its description then holds; the description itself may name a person."""

_CONTRAST = r"contrast|post|gad|\bgd\b|\+c|\bce\b|\bkm\b"


def spell_modality(code: str) -> str:
    """A modality inside a sentence: ``"CT (computed tomography)"``; a code that is none is not repeated."""
    if not re.fullmatch(r"[A-Z]{2,16}", code):
        return "an unknown modality"
    return f"{code} ({_MODALITIES[code]})" if code in _MODALITIES else code


def find_words(description: str) -> str:
    """Find sequence and contrast in a series description: words of `_SEQUENCES`, empty if there are none."""
    lowered = description.lower()
    word = next((name for name, pattern in _SEQUENCES.items() if re.search(pattern, lowered)), "")
    return f"{word} after contrast" if word and re.search(_CONTRAST, lowered) else word
