"""Which DICOM files are one series, and what its volumes are called.

A header is read in `inference.imaging.dicom.header`; how a series is split and ordered is in
`inference.imaging.dicom.stack`. Pixels are of no interest here.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from inference.imaging.dicom.places import number_places, project_positions
from inference.imaging.dicom.stack import Member, Stack, build_stacks

if TYPE_CHECKING:
    from inference.imaging.dicom.header import Header

_JOINED_FROM = 3
"""So many files, each with a series identifier of its own and all else the same, are taken as one series."""

File = tuple["Header", str]
"""A file's header and its path."""


def group_series(files: Iterable[File]) -> list[Stack]:
    """Tell the volumes of a folder or an archive apart.

    Files are of one series if patient, study, series and size are the same. Where the series has no identifier, its
    number and description count; so they do where every single file has an identifier of its own.

    Returns
    -------
    list of Stack
        Named, by the series' numbers; what is left out is the last.
    """
    groups: dict[Hashable, list[File]] = {}
    for header, path in files:
        key = (header.owner, header.series or (b"", header.label), header.size_px, header.modality)
        groups.setdefault(key, []).append((header, path))
    joined = _join_single_files(list(groups.values()))
    joined.sort(key=lambda group: (group[0][0][0].number, min(path for _, path in group[0])))
    sizes: dict[Hashable, set[tuple[int, int]]] = {}
    for group, _ in joined:
        header = group[0][0]
        if header.series:
            sizes.setdefault((header.owner, header.series), set()).add(header.size_px)
    stacks: list[tuple[Header, Stack]] = []
    for group, note in joined:
        header = group[0][0]
        notes = [note] if note else []
        if len(sizes.get((header.owner, header.series), ())) > 1:
            notes.append("The series holds slices of several sizes: those of each size are a volume of their own.")
        members = [Member(path=path, frame=frame) for one, path in group for frame in one.frames]
        stacks += [
            (
                header,
                replace(
                    stack,
                    notes=(*notes, *stack.notes, *_list_notes(stack)),
                    modality=header.modality,
                    series=header.owner + header.series,
                ),
            )
            for stack in build_stacks(members)
        ]
    answered = [(header, stack) for header, stack in stacks if not stack.left_out]
    named = [
        replace(stack, name=_name_stack(number, len(answered), header.words, stack))
        for number, (header, stack) in enumerate(answered, start=1)
    ]
    return named + [stack for _, stack in stacks if stack.left_out]


def _list_notes(stack: Stack) -> list[str]:
    """What is to be said of the slices' values, each sentence once."""
    return list(dict.fromkeys(member.frame.note for member in stack.members if member.frame.note))


def _join_single_files(groups: list[list[File]]) -> list[tuple[list[File], str]]:
    """Join files that each have a series identifier of their own, and are one series by all else."""
    singles: dict[Hashable, list[list[File]]] = {}
    kept: list[tuple[list[File], str]] = []
    for group in groups:
        header = group[0][0]
        if (
            len(group) == 1
            and len(header.frames) == 1
            and header.series
            and header.label
            and not header.frames[0].derived
        ):
            key = (header.owner, header.label, header.size_px, header.modality)
            singles.setdefault(key, []).append(group)
        else:
            kept.append((group, "" if header.series or len(group) == 1 else _NO_IDENTIFIER))
    for same in singles.values():
        together = [group[0] for group in same]
        if len(same) >= _JOINED_FROM and _is_one_stack([header for header, _ in together]):
            kept.append((together, _OWN_IDENTIFIERS))
        else:
            kept += [(group, "") for group in same]
    return kept


_NO_IDENTIFIER = "The files do not say to which series they belong: series number and description were taken instead."

_OWN_IDENTIFIERS = (
    "Every file says that it is a series of its own: those of the same number and description were joined."
)


def _is_one_stack(headers: Sequence[Header]) -> bool:
    """Whether no two single-frame files show the same place, or have the same number where no place is known."""
    frames = [header.frames[0] for header in headers]
    places = number_places(project_positions(frames))
    numbers = list(places) if (places >= 0).all() else [frame.instance for frame in frames]
    return None not in numbers and len(set(numbers)) == len(numbers)


def _name_stack(number: int, count: int, words: str, stack: Stack) -> str:
    slices = len(stack.members)
    parts = [f"series {number} of {count}", words, stack.kind, f"{slices} slice{'s' if slices != 1 else ''}"]
    return ", ".join(part for part in parts if part)
