"""A model in words: its purpose, its classes, what is known about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inference.answer.prediction import count_shown
from ui.words.numbers import join_or

if TYPE_CHECKING:
    from inference.model.bundle import ModelBundle


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One line of the panel about the model: a name, its value and a remark, each may be empty."""

    name: str = ""
    value: str = ""
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class AboutModel:
    """What the panel about the model shows; plain text, not yet escaped.

    Attributes
    ----------
    summary, licence : str
    classes : tuple of str
        The labels in the order of the model's outputs.
    figures, data : tuple of Fact
        A data set's licence is its fact's ``value``.
    limits : tuple of str
    """

    summary: str
    classes: tuple[str, ...]
    figures: tuple[Fact, ...]
    data: tuple[Fact, ...]
    limits: tuple[str, ...]
    licence: str


def describe_purpose(bundle: ModelBundle) -> str:
    """Say in one sentence what the model answers."""
    few = not has_many_classes(bundle)
    answers = join_or(bundle.label_texts) if few else f"with one or two of {len(bundle.labels):,} classes"
    return f"Show it {bundle.subject}. It answers {answers}, or says that it cannot tell."


def has_many_classes(bundle: ModelBundle) -> bool:
    """Whether there are more classes than an answer shows, so that they are listed and searched by themselves."""
    return count_shown(len(bundle.labels)) < len(bundle.labels)


def list_classes(bundle: ModelBundle) -> list[str]:
    """Every class as a reader looks it up, in the alphabet's order."""
    return sorted(bundle.labels, key=str.casefold)


def name_models(bundles: Iterable[ModelBundle]) -> dict[str, str]:
    """Word each model's name for a list to choose from: its title, and its name too where a title is not enough."""
    titles = {bundle.name: bundle.title for bundle in bundles}
    unclear = {title for title, count in Counter(titles.values()).items() if count > 1}
    return {name: f"{title} ({name})" if title in unclear else title for name, title in titles.items()}


def describe_model(bundle: ModelBundle) -> str:
    """Name the model and its version, for a footer."""
    return f"Model {bundle.name} {bundle.version}"


def word_disclaimer(bundle: ModelBundle) -> str:
    """The sentence that stands beside every answer; empty unless the bundle has one."""
    return bundle.about.disclaimer.strip()


def present_about(bundle: ModelBundle) -> AboutModel:
    """Collect what the bundle says of itself, see `inference.model.schema.About`; what it leaves out is empty."""
    about = bundle.about
    return AboutModel(
        summary=about.summary.strip(),
        classes=bundle.labels,
        figures=tuple(Fact(name=one.name, value=one.value, detail=one.detail) for one in about.figures),
        data=tuple(Fact(name=one.name, value=one.licence, detail=one.detail) for one in about.data),
        limits=tuple(filter(None, map(str.strip, about.limits))),
        licence=about.licence.strip(),
    )
