"""``bundle.json``, key by key: what it may say, with types, bounds, defaults and meanings.

The models here are both the values that the program uses and the source of the JSON Schema that
``docs/schema/bundle-1.json`` publishes (`build_json_schema`). How a bundle's folder is read is in
`inference.model.bundle`.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from inference.documents import Part, accepts, describe_document, refuse, schema_pattern

SCHEMA_VERSION: Final = 1
"""The ``schema`` that this code reads and writes."""

SCHEMA_NAME = "bundle-1.json"
"""The file in ``docs/schema`` with the JSON Schema; what the writers of bundles put under ``$schema``."""

CARD_NAME = "MODEL_CARD.md"
"""The file that tells what the model was trained on and what it cannot do."""

ColorOrder = Literal["rgb", "bgr", "grey"]

COLOR_CHANNELS: dict[ColorOrder, int] = {"rgb": 3, "bgr": 3, "grey": 1}
"""The channels that each colour order has."""

Layout = Literal["nhwc", "nchw"]
"""Orders of a batch's axes: N pictures, H rows, W columns, C channels."""

Resize = Literal["nearest", "bilinear", "bicubic", "area"]
"""Ways to stretch a picture to a network's size, see `inference.model.preprocess.RESIZE_METHODS`."""

Output = Literal["logits", "probabilities", "sigmoid", "sigmoids"]
"""What a network's output may be, see `BundleDocument.output`."""


def _check_different(texts: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(texts)) != len(texts):
        raise ValueError
    return texts


def _check_rising(ends: tuple[float, float]) -> tuple[float, float]:
    if not ends[0] < ends[1]:
        raise ValueError
    return ends


def _check_no_folder(name: str) -> str:
    if name in (".", ".."):
        raise ValueError
    return name


Text = Annotated[str, Field(pattern=r"\S")]

Texts = Annotated[
    tuple[Annotated[str, Field(min_length=1)], ...],
    Field(min_length=2, json_schema_extra={"uniqueItems": True}),
    AfterValidator(_check_different),
    accepts("a list of two or more different texts"),
]

FileName = Annotated[
    str,
    Field(pattern=r"^[^/\\:\x00-\x1f\x7f]{1,255}$", json_schema_extra={"not": {"enum": [".", ".."]}}),
    AfterValidator(_check_no_folder),
    accepts("the name of a file inside the bundle's folder"),
]

Sha256 = Annotated[
    str,
    Field(pattern=r"^[0-9A-Fa-f]{64}$"),
    AfterValidator(str.lower),
    accepts("a SHA-256 of 64 hexadecimal digits"),
]

ValueRange = Annotated[
    tuple[float, float], AfterValidator(_check_rising), accepts("two rising numbers, what 0 and 255 become")
]

Share = Annotated[float, Field(ge=0.0, le=1.0)]

Score = Annotated[float, Field(ge=0.0, le=1e3)]


class PictureSpec(Part):
    """The size, colours and values of one prepared picture; what a recipe may choose too.

    Examples
    --------
    >>> PictureSpec(width_px=224, height_px=192, color_order="grey").shape
    (192, 224, 1)
    """

    width_px: int = Field(150, ge=1, le=4096, description="Width of the network's input in pixels.")
    height_px: int = Field(150, ge=1, le=4096, description="Height of the network's input in pixels.")
    color_order: ColorOrder = Field("rgb", description="The order of the channels; grey has one.")
    value_range: ValueRange = Field((0.0, 255.0), description="What the pixel values 0 and 255 become.")
    resize: Resize = Field("bilinear", description="How the picture is stretched to the size; it is not cropped.")

    @property
    def value_min(self) -> float:
        """What the uint8 value 0 becomes."""
        return self.value_range[0]

    @property
    def value_max(self) -> float:
        """What the uint8 value 255 becomes."""
        return self.value_range[1]

    @property
    def channels(self) -> int:
        """1 for grey, else 3."""
        return COLOR_CHANNELS[self.color_order]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height_px, width_px, channels): one prepared picture, before ``layout``."""
        return (self.height_px, self.width_px, self.channels)


class InputSpec(PictureSpec):
    """What a network expects of one picture.

    Examples
    --------
    >>> spec = InputSpec(width_px=160, height_px=120, value_range=(-1, 1))
    >>> spec.shape, spec.value_min
    ((120, 160, 3), -1.0)
    """

    mean: tuple[float, ...] = Field(
        (), description="One number a channel, in color_order, subtracted after value_range. Empty for none."
    )
    std: tuple[float, ...] = Field(
        (), description="One number a channel, above 0, by which the rest is divided. Empty for none."
    )
    layout: Layout = Field("nhwc", description="The order of the batch's axes; PyTorch's is nchw.")

    @field_validator("mean", "std")
    @classmethod
    def _check_channels(cls, numbers: tuple[float, ...], info: ValidationInfo) -> tuple[float, ...]:
        channels = COLOR_CHANNELS[info.data.get("color_order", "rgb")]
        is_low = info.field_name == "std" and min(numbers, default=1.0) <= 0.0
        if numbers and (len(numbers) != channels or is_low):
            above = ", above 0" if info.field_name == "std" else ""
            raise refuse(f"a list of {channels} numbers, one a channel{above}")
        return numbers


class VolumeRule(Part):
    """How the slices' findings become a volume's; fitted on patients that the network has not learnt from, by
    ``python -m training volume-finding``. See `inference.answer.runs`.

    Examples
    --------
    >>> VolumeRule(run_share=0.15, present_at=0.9, absent_at=0.1).edge_penalty
    0.0
    """

    run_share: Share = Field(0.15, description="How long a run of slices is averaged, as a share of the head's height.")
    edge_share: Share = Field(0.0, description="How far from the first and the last slice evidence counts for less.")
    edge_penalty: float = Field(
        0.0, ge=0.0, le=1e3, description="How much less it is there at most, in logarithms of odds."
    )
    intercept: float = Field(0.0, description="Of presence.")
    slope: float = Field(1.0, description="Of presence, for each unit of the run's mean evidence.")
    present_at: Share = Field(1.0, description="The probability of presence from which something is there.")
    absent_at: Share = Field(0.0, description="The probability of presence up to which nothing is there.")
    risk: Share = Field(
        0.0, description="The share of patients, at either end, that may be sure and wrong; 0 without a promise."
    )
    fitted_on: int = Field(0, ge=0, description="On how many patients it was fitted.")

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.present_at <= self.absent_at:
            raise refuse("more than absent_at", "present_at")
        return self


class FindingRule(Part):
    """How the network's logits say whether there is anything but the background, and of which type; fitted on pictures
    that it has not learnt from, by ``python -m training finding``.

    Presence is the logistic function of ``intercept + slope · evidence``, where the evidence is by how much the
    logit of all other labels together exceeds the background's. Where a picture is unfamiliar, ``unfamiliar_intercept``
    and ``unfamiliar_slope`` are added, as far as it is.

    References
    ----------
    Platt 1999, Probabilistic outputs for support vector machines, for the logistic function.

    Examples
    --------
    >>> FindingRule(present_at=0.9, absent_at=0.1).type_in_set_at
    0.0
    """

    intercept: float = Field(0.0, description="Of presence.")
    slope: float = Field(1.0, description="Of presence, for each unit of evidence.")
    unfamiliar_intercept: float = Field(0.0, description="What is added to intercept where a picture is unfamiliar.")
    unfamiliar_slope: float = Field(0.0, description="What is added to slope where a picture is unfamiliar.")
    present_at: Share = Field(1.0, description="The probability of presence from which something is there.")
    absent_at: Share = Field(0.0, description="The probability of presence up to which nothing is there.")
    type_temperature: float = Field(
        1.0, ge=1e-3, le=1e3, description="The other labels' logits are divided by it before their softmax."
    )
    type_temperature_rise: float = Field(
        0.0, ge=0.0, le=1e3, description="How much higher that is where a picture is unfamiliar."
    )
    type_in_set_at: Share = Field(0.0, description="The share, given presence, from which a type is named.")
    risk: Share = Field(
        0.0, description="The share of pictures, at either end, that may be sure and wrong; 0 without a promise."
    )
    type_coverage: Share = Field(0.0, description="How often the true type is named, as fitted; 0 without a promise.")
    right_of_present: Share | None = Field(None, description="Share of the test pictures called present that were.")
    right_of_absent: Share | None = Field(None, description="Share of the test pictures called absent that were.")
    measured_on: int = Field(0, ge=0, description="How many test pictures these shares are of.")
    volume: VolumeRule | None = Field(None, description="How a volume's finding follows from its slices'.")

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.present_at <= self.absent_at:
            raise refuse("more than absent_at", "present_at")
        return self


class Calibration(Part):
    """How the network's logits become probabilities and a verdict; fitted on validation images, see the model card.

    References
    ----------
    Guo et al. 2017, https://arxiv.org/abs/1706.04599, for the temperature.

    Examples
    --------
    >>> Calibration(confident_at=0.8).temperature
    1.0
    """

    temperature: float = Field(1.0, ge=1e-3, le=1e3, description="The logits are divided by it before the softmax.")
    familiar_at: Score = Field(
        0.0, description="The novelty score up to which a picture counts as like those of training."
    )
    unfamiliar_at: Score = Field(
        1.0, description="The novelty score from which a picture counts as unlike those of training; above familiar_at."
    )
    temperature_rise: float = Field(
        0.0, ge=0.0, le=1e3, description="How much higher the temperature is where a picture is unfamiliar."
    )
    prior_shift: tuple[float, ...] = Field(
        (),
        description="What is added to each label's logit, after the temperature, where a picture is unfamiliar: how "
        "much more often, as a logarithm, the label is expected there than training showed it. Empty for nothing.",
    )
    confident_at: Share = Field(0.5, description="The calibrated probability from which a single answer is given.")
    in_set_at: Share = Field(
        1.0,
        description="The calibrated probability from which a label belongs to the set that an uncertain answer names; "
        "the set has two labels at least.",
    )
    finding: FindingRule | None = Field(
        None, description="Whether there is anything but the background; a bundle without it answers labels alone."
    )
    coverage: Share = Field(
        0.0, description="How often the sets hold the true label, as fitted; 0 when they carry no promise."
    )

    @model_validator(mode="after")
    def _check_rising(self) -> Self:
        if self.unfamiliar_at <= self.familiar_at:
            raise refuse("more than familiar_at", "unfamiliar_at")
        return self


class NoveltyRule(Part):
    """What the picture and the network's features must be like for an answer to be given.

    Examples
    --------
    >>> NoveltyRule(grey_only=True).distance_limit
    1.0
    """

    grey_only: bool = Field(False, description="The subject has no colour: a colourful picture is refused.")
    statistics: FileName | None = Field(
        None,
        description="An .npz file of the bundle with mean (F,), components (K, F) and scale (K,) of the features of "
        "the training images.",
    )
    distance_limit: float = Field(
        1.0, ge=1e-9, le=1e9, description="The feature distance at which a picture is refused."
    )


class Golden(Part):
    """What the network gave for a made-up picture when the bundle was made: compared on loading.

    Examples
    --------
    >>> Golden(scores=(0.25, -1.5), tolerance=1e-3).scores
    (0.25, -1.5)
    """

    scores: Annotated[tuple[float, ...], Field(min_length=1), accepts("a list of numbers, what the network gives")] = (
        Field(description="The network's output, before any calibration.")
    )
    tolerance: float = Field(
        ge=1e-9, le=1e3, description="The largest difference that is accepted, in the output's units."
    )


class Figure(Part):
    """One measured number, in words.

    Examples
    --------
    >>> Figure(name="Accuracy", value="0.93", detail="on 200 held-out pictures").value
    '0.93'
    """

    name: str = Field(description="What was measured.")
    value: str = Field("", description="The number, as it is to be shown.")
    detail: str = Field("", description="On what, and beside which baseline.")


class DataSource(Part):
    """One data set that the network learnt from.

    Examples
    --------
    >>> DataSource(name="MNI152", licence="free for any use").name
    'MNI152'
    """

    name: str = Field(description="The data set, with its authors.")
    licence: str = Field("", description="Its licence.")
    detail: str = Field("", description="What is in it.")


class About(Part):
    """What the page's panel shows of a model.

    Examples
    --------
    >>> About(summary="Tells fruit apart.", limits=("It has never seen a medlar.",)).figures
    ()
    """

    summary: str = Field("", description="What the network does, in a sentence or two.")
    figures: tuple[Figure, ...] = Field((), description="How well it does.")
    data: tuple[DataSource, ...] = Field((), description="What it learnt from.")
    limits: tuple[str, ...] = Field((), description="What it cannot do, a sentence each.")
    licence: str = Field("", description="The licence of the weights.")
    disclaimer: str = Field("", description="A sentence that stands beside every answer.")


class BundleDocument(Part):
    """Everything that ``bundle.json`` says of a model.

    Examples
    --------
    >>> document = {"schema": 1, "name": "fruit", "version": "1", "labels": ["Apple", "Pear"], "network": "fruit.onnx"}
    >>> BundleDocument.model_validate(document).title
    'fruit'
    """

    json_schema: (
        Annotated[str, Field(pattern=schema_pattern(SCHEMA_NAME)), accepts(f"the path or address of {SCHEMA_NAME}")]
        | None
    ) = Field(None, validation_alias="$schema", description="Where an editor finds this schema.")
    schema_version: Literal[1] = Field(validation_alias="schema", description="The version of this form.")
    name: Text = Field(description="How the API and the page's footer call the model.")
    version: Text = Field(description="The model's version.")
    title: Text = Field(default_factory=lambda data: data["name"], description="Above the page; else the name.")
    subject: Text = Field(
        "something this model knows", description='As in "Choose a photograph of a dog": a photograph of a dog.'
    )
    labels: Texts = Field(description="Class names, in the order of the network's outputs.")
    label_texts: Texts = Field(
        default_factory=lambda data: data["labels"],
        validation_alias="spoken",
        description="The same classes as they stand inside a sentence; else the labels.",
    )
    network: FileName = Field(description="An .onnx, .keras or .h5 file in the bundle's folder.")
    output: Output | None = Field(
        None,
        description="What the network gives: logits, probabilities (a softmax is inside), one number a label; "
        "sigmoids, one number a label from 0 to 1, each the probability of that label for itself, whatever the others "
        "are; or sigmoid, a single number, the probability of the second of two labels. Else logits or probabilities, "
        "whichever its numbers are; numbers from 0 to 1 that do not sum to 1 are refused until it is said.",
    )
    scores: Text | None = Field(
        None,
        description="The network's output, of several, that holds what is said under output. Else the one that is "
        "called logits, else the only one with a number a label.",
    )
    modalities: Annotated[
        tuple[Annotated[str, Field(min_length=1)], ...], accepts('a list of DICOM codes, such as ["MR"]')
    ] = Field((), description='DICOM\'s codes of what may be shown to it, such as "MR". Empty when it does not matter.')
    background: str | None = Field(
        None,
        description="The label that says that none of the others is there: a volume of which one slice shows another "
        "label is not of this one.",
    )
    finding: Text = Field(
        "a finding",
        description='What any other label than background is, as in "A tumour is possible": a tumour.',
    )
    input: InputSpec = InputSpec()
    calibration: Calibration = Calibration()
    novelty: NoveltyRule = NoveltyRule()
    golden: Golden | None = None
    files: dict[FileName, Sha256] = Field(
        default_factory=dict,
        description=f"File name to SHA-256, of the network and {CARD_NAME} at least: only these are read, and each is "
        "compared. Without it nothing is.",
    )
    about: About = About()
    provenance: dict[str, Any] = Field(
        default_factory=dict,
        description="How the network was made: data, command, seed, package versions; any keys. Nothing is decided "
        "by it but whether figures on the volumes may be told.",
    )

    @property
    def scores_width(self) -> int:
        """How many numbers the network gives a picture."""
        return 1 if self.output == "sigmoid" else len(self.labels)

    @property
    def is_exclusive(self) -> bool:
        """Whether the probabilities are of labels of which one is right, and so sum to 1."""
        return self.output != "sigmoids"

    @field_validator("label_texts")
    @classmethod
    def _check_texts(cls, texts: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        count = len(info.data.get("labels", texts))
        if len(texts) != count:
            raise refuse(f"as long as labels ({count})")
        return texts

    @field_validator("background")
    @classmethod
    def _check_background(cls, background: str | None, info: ValidationInfo) -> str | None:
        if background is not None and background not in info.data.get("labels", (background,)):
            raise refuse("one of the labels")
        return background

    @field_validator("calibration")
    @classmethod
    def _check_shift(cls, calibration: Calibration, info: ValidationInfo) -> Calibration:
        count = len(info.data.get("labels", calibration.prior_shift))
        if len(calibration.prior_shift) not in (0, count):
            raise refuse(f"{count} numbers, one a label, or none", "prior_shift")
        return calibration

    @model_validator(mode="after")
    def _check_whole(self) -> Self:
        if self.output == "sigmoid" and len(self.labels) != 2:
            raise refuse("two texts, because output is sigmoid", "labels")
        missing = {self.network, CARD_NAME} - self.files.keys()
        if "files" in self.model_fields_set and missing:
            raise refuse(f"an object that lists {' and '.join(sorted(missing))} with the SHA-256", "files")
        return self


def build_json_schema() -> dict[str, Any]:
    """The JSON Schema of ``bundle.json``, as ``docs/schema/bundle-1.json`` has it."""
    return describe_document(BundleDocument, SCHEMA_NAME, "bundle.json of Gyrus")
