"""Modality, sequence and kind of image in words of fixed lists; text of the header, which may name a person, is never
repeated.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

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


_DERIVED = {
    "a localizer (scout), which only serves to plan other series": r"LOCALI[SZ]ER|SCOUT|SURVEY",
    "a phase image, which shows the phase of the signal": r"P|P (FFE|SE|EPI|IR)|PHASE( MAP| IMAGE)?",
    "the real part of a complex image": r"R|R (FFE|SE|EPI|IR)|REAL",
    "the imaginary part of a complex image": r"I|I (FFE|SE|EPI|IR)|IMAGINARY",
    "a field map, which shows the scanner's field": r"FIELD ?MAP( HZ)?|B[01]( ?MAP)?",
    "a projection (MIP) computed from other slices": (
        r"M(AX(IMUM)?|IN(IMUM)?)? ?IP|MNIP|M(AX|IN) INTENSITY PROJECTION|PROJECTION( IMAGE)?|PJN|COLLAPSE"
    ),
    "a rendering computed from other slices": r"VRT|VR|SSD|SURFACE( RENDERING)?|VOLUME RENDERING",
    "a map computed from diffusion images (such as ADC or FA)": (
        r"E?ADC( MAP)?|E ADC|EXP(ONENTIAL)? ?ADC|(COL(OU?R)? ?)?FA( MAP)?|FRACTIONAL ANISOTROPY|AV(ERAGE|G)? ?DC|TENSOR"
    ),
    "a map computed from perfusion images (such as CBF or MTT)": (
        r"(R(EL)? ?)?(CBF|CBV|MTT|TTP|TMAX|PBP|GBP|TTD|K2|KTRANS)( MAP)?|PERFUSION MAP|PERFUSION SLOPE"
    ),
    "a map of relaxation or susceptibility": (
        r"(R[12]|T[12]|RHO|PD|SUSCEPTIBILITY|QSM)( ?STAR|\*)? ?MAP|R2|R2 ?STAR|QSM"
    ),
    "a map of statistics or spectra": (
        r"(T|Z|F|BETA|STAT)[ -]?MAP|FMRI STAT|SPECTROSCOPY|SPEC(TRAL)? MAP|METABOLITE MAP"
    ),
    "a subtraction of two series": r"SUB|SUBTRACT(ION|ED)?",
    "a screen save": r"SCREEN ?SAVE|SCREEN ?SHOT|CSA REPORT|CAPTURE|REPORT",
}
"""What shows no anatomy as it was taken, and the words of Image Type, upper case with spaces, that say so: those of the
standard (PS3.3, C.8.3.1.1.1 and C.8.13.3.1) and those that Siemens, GE, Philips and United Imaging write."""

_DERIVED_NAMES = {
    "a map computed from diffusion images (such as ADC or FA)": r"\b(e?adc|fa|apparent diffusion|fractional)\b",
    "a map computed from perfusion images (such as CBF or MTT)": r"\br?(cbf|cbv|mtt|ttp|tmax)\b",
    "a projection (MIP) computed from other slices": r"\b(max|min)?ip\b|\bmips?\b|\bprojection\b",
    "a subtraction of two series": r"\bsub(traction|tracted)?\b",
}
"""What a derived series' description holds, where its Image Type says no more than DERIVED."""

_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
"""SOP class of a secondary capture; those of several frames have it as their beginning."""

SCREEN_SAVE = "a screen save"


def find_derived(image_type: Sequence[str], component: str, technique: str, description: str) -> str:
    """What an image is if it shows no anatomy as it was taken: one of `_DERIVED`; empty if nothing says so.

    Parameters
    ----------
    image_type : sequence of str
        The values of Image Type or Frame Type, upper case, underscores as spaces.
    component : str
        Complex Image Component (0008,9208) or what a maker has in its place: ``"PHASE"``.
    technique : str
        Volume Based Calculation Technique (0008,9207): ``"MAX_IP"``.
    description : str
        Of the series; only words of fixed lists are looked for.

    Examples
    --------
    >>> find_derived(["ORIGINAL", "PRIMARY", "P", "ND"], "", "", "")
    'a phase image, which shows the phase of the signal'
    >>> find_derived(["ORIGINAL", "PRIMARY", "M", "ND"], "", "", "t2_tse")
    ''
    """
    for word in (*image_type[2:], component, technique.replace("_", " ")):
        for what, pattern in _DERIVED.items():
            if word and re.fullmatch(pattern, word):
                return what
    lowered = description.lower().replace("_", " ")
    if re.search(_SEQUENCES["localizer"], lowered):
        return next(iter(_DERIVED))
    if image_type[:1] == ["DERIVED"]:
        return next((what for what, pattern in _DERIVED_NAMES.items() if re.search(pattern, lowered)), "")
    return ""


def is_screen_save(sop_class: str, samples: int, *, has_geometry: bool) -> bool:
    """Whether a file is a picture of a screen: a secondary capture in colour, or one that lies nowhere in a patient."""
    return sop_class.startswith(_CAPTURE) and (samples > 1 or not has_geometry)
