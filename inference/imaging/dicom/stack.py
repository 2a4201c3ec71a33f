"""Which images of a series are one volume, and in which order its slices lie.

A series is split by the direction of its slices, then by what is imaged (echo, b-value, …) where several images show
the same place; of several time points one is taken. Which files are one series is decided in
`inference.imaging.dicom.series`, where a slice lies among the others in `inference.imaging.dicom.places`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from inference.imaging.dicom.places import fill_positions, find_gaps, number_places, order_by_name, project_positions

if TYPE_CHECKING:
    from inference.imaging.dicom.frame import Frame, Traits

_SAME_DIRECTION_DEG = 1.0
"""Slices whose rows and columns differ by less are parallel. Rounding is a thousandth of it; the planes of a localizer
and the angles of a rotating projection are several times as far apart."""

_DIRECTIONS = ("sagittal", "coronal", "axial")
"""What slices are called whose normal is nearest to the axis from right to left, front to back, feet to head."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Member:
    """One slice of a stack.

    Attributes
    ----------
    path : str
        Its file.
    frame : Frame

    Examples
    --------
    >>> from inference.imaging.dicom.frame import Frame
    >>> Member(path="a.dcm", frame=Frame(instance=3)).frame.instance
    3
    """

    path: str
    frame: Frame


@dataclass(frozen=True, kw_only=True, eq=False)
class Stack:
    """Slices that are a volume, in order; or images that are left out together.

    Attributes
    ----------
    members : tuple of Member
        One at least.
    name : str
        ``"series 1 of 3, T2, echo 2, 90 ms, 24 slices"``.
    kind : str
        What tells it from the other stacks of its series: ``"echo 2, 90 ms"``; empty if it is the only one.
    modality : str or None
    notes : tuple of str
        Sentences about what was left out, and on what the order rests.
    breaks : tuple of int
        Slices, counted from 0, behind which others are missing.
    is_even : bool
        All slices lie equally far apart.
    left_out : str
        Why it is not to be answered; empty if it is.
    series : bytes
        The same for stacks of one series, also in another folder.

    Examples
    --------
    >>> from inference.imaging.dicom.frame import Frame
    >>> members = [Member(path=f"{number}.dcm", frame=Frame(instance=number)) for number in (10, 9, 2)]
    >>> stack, = build_stacks(members)
    >>> [member.path for member in stack.members]
    ['2.dcm', '9.dcm', '10.dcm']
    >>> stack.notes[0]
    'The files do not say where their slices lie: the order is that of the instance numbers.'
    """

    members: tuple[Member, ...]
    name: str = ""
    kind: str = ""
    modality: str | None = None
    notes: tuple[str, ...] = ()
    breaks: tuple[int, ...] = ()
    is_even: bool = True
    left_out: str = ""
    series: bytes = field(default=b"", repr=False)

    @property
    def paths(self) -> tuple[str, ...]:
        """Its files, each once, in order."""
        return tuple(dict.fromkeys(member.path for member in self.members))


def build_stacks(members: Sequence[Member]) -> list[Stack]:
    """Tell the volumes of a series apart, and bring the slices of each into order.

    Parameters
    ----------
    members : sequence of Member
        All images of one series that are of one size.

    Returns
    -------
    list of Stack
        Not named yet; those that are left out are the last.
    """
    stacks: list[Stack] = []
    left_out: list[Stack] = []
    for derived, group in _group_derived(members):
        if derived:
            left_out.append(
                _leave_out(group, f"{_count(len(group))} {derived}. Only slices as they were taken are answered.")
            )
            continue
        clusters = _split_directions(group)
        for cluster in clusters:
            direction = _name_direction(cluster) if len(clusters) > 1 else ""
            for stack in _build_cluster(cluster, direction):
                (left_out if stack.left_out else stacks).append(stack)
    return stacks + left_out


def _count(images: int) -> str:
    return "Left out: this is" if images == 1 else f"Left out: {images} images of one series, each of them"


def _leave_out(members: Sequence[Member], sentence: str) -> Stack:
    return Stack(members=tuple(members), left_out=sentence)


def _group_derived(members: Sequence[Member]) -> list[tuple[str, list[Member]]]:
    groups: dict[str, list[Member]] = {}
    for member in members:
        groups.setdefault(member.frame.derived, []).append(member)
    return list(groups.items())


def _split_directions(members: Sequence[Member]) -> list[list[Member]]:
    """Parallel slices together; those that do not say how they lie go with the others if these are all parallel."""
    clusters: list[list[Member]] = []
    undirected: list[Member] = []
    for member in members:
        if member.frame.orientation is None:
            undirected.append(member)
            continue
        cluster = next((one for one in clusters if _is_parallel(one[0].frame, member.frame)), None)
        if cluster is None:
            clusters.append([member])
        else:
            cluster.append(member)
    if undirected and len(clusters) == 1:
        clusters[0] += undirected
    elif undirected:
        clusters.append(undirected)
    return clusters


def _is_parallel(one: Frame, other: Frame) -> bool:
    if one.orientation is None or other.orientation is None:
        return False
    first, second = one.orientation.reshape(2, 3), other.orientation.reshape(2, 3)
    cosines = (first * second).sum(axis=1) / (np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1))
    return bool(cosines.min() >= np.cos(np.radians(_SAME_DIRECTION_DEG)))


def _name_direction(cluster: Sequence[Member]) -> str:
    normal = cluster[0].frame.normal
    return "" if normal is None else _DIRECTIONS[int(np.argmax(np.abs(normal)))]


def _build_cluster(cluster: Sequence[Member], direction: str) -> Iterator[Stack]:
    positions_mm = project_positions([member.frame for member in cluster])
    places = number_places(positions_mm)
    for words, indices in _split_traits(cluster, places, list(range(len(cluster))), list(_TRAITS)):
        kind = ", ".join(filter(None, (direction, *words)))
        yield from _order([cluster[index] for index in indices], positions_mm[indices], places[indices], kind)


# What is imaged: where several images show one place, those that differ in a trait are volumes of their own.


def _name_image_type(frames: Sequence[Frame], rank: int) -> str:
    found = [name for name, words in _SEPARATED.items() if words & set(frames[0].traits.words)]
    return found[0] if found else f"image type {rank}"


_SEPARATED = {
    "water": {"W", "WATER"},
    "fat": {"F", "FAT"},
    "in phase": {"IP", "IN PHASE", "INPHASE"},
    "opposed phase": {"OP", "OUT PHASE", "OPP PHASE", "OPPOSED PHASE", "OUTPHASE"},
}
"""What the two-point method (Dixon) gives, and the words of Image Type for it."""


def _name_echo(frames: Sequence[Frame], rank: int) -> str:
    echo_ms = frames[0].traits.echo_ms
    return f"echo {rank}" if echo_ms is None else f"echo {rank}, {echo_ms:g} ms"


def _name_b_value(frames: Sequence[Frame], rank: int) -> str:
    values = [frame.traits.b_value for frame in frames if frame.traits.b_value is not None]
    return f"b = {np.median(values):g}" if values else "no b-value"


def _name_inversion(frames: Sequence[Frame], rank: int) -> str:
    inversion_ms = frames[0].traits.inversion_ms
    return "no inversion time" if inversion_ms is None else f"inversion time {inversion_ms:g} ms"


def _name_flip(frames: Sequence[Frame], rank: int) -> str:
    flip_deg = frames[0].traits.flip_deg
    return "no flip angle" if flip_deg is None else f"flip angle {flip_deg:g}°"


def _round(value: float | None, step: float) -> int:
    """Equal for values that differ by rounding or by a shell's small spread; -1 for none."""
    return -1 if value is None else round(value / step)


_TRAITS: dict[Callable[[Traits], Hashable], Callable[[Sequence[Frame], int], str]] = {
    lambda traits: traits.words: _name_image_type,
    lambda traits: _round(traits.echo_ms, 0.1): _name_echo,
    lambda traits: -1 if traits.echo is None else traits.echo: _name_echo,
    lambda traits: _round(traits.b_value, 50.0): _name_b_value,
    lambda traits: _round(traits.inversion_ms, 1.0): _name_inversion,
    lambda traits: _round(traits.flip_deg, 0.5): _name_flip,
}
"""By what images of one place are told apart, in this order: how a trait is compared, and how its images are called.
Echo numbers come behind echo times, which some archives keep while they renumber. B-values of one shell differ by a few
s/mm², with the direction."""


def _split_traits(
    cluster: Sequence[Member],
    places: np.ndarray,
    indices: list[int],
    traits: list[Callable[[Traits], Hashable]],
) -> Iterator[tuple[list[str], list[int]]]:
    """Split images of which several show one place by the first trait that tells these apart, then by the next."""
    for position, trait in enumerate(traits):
        if not _has_repeats(places[indices]):
            break
        values = [trait(cluster[index].frame.traits) for index in indices]
        if not _tells_apart(values, places[indices]):
            continue
        groups: dict[Hashable, list[int]] = {}
        for value, index in zip(values, indices, strict=True):
            groups.setdefault(value, []).append(index)
        ordered = sorted(groups, key=lambda value: (value if isinstance(value, int) else 0, str(value)))
        for rank, value in enumerate(ordered, start=1):
            name = _TRAITS[trait]([cluster[index].frame for index in groups[value]], rank)
            for words, found in _split_traits(cluster, places, groups[value], traits[position + 1 :]):
                yield [name, *words], found
        return
    yield [], indices


def _has_repeats(places: np.ndarray) -> bool:
    """Whether several images show one place; where no place is known, they may."""
    known = places[places >= 0]
    return len(np.unique(known)) < len(known) if len(known) else len(places) > 1


def _tells_apart(values: Sequence[Hashable], places: np.ndarray) -> bool:
    """Whether at most places with several images these differ in the trait; of unknown places, whether each value has
    as many images as the others.
    """
    counts = Counter(values)
    if len(counts) < 2:
        return False
    if (places < 0).all():
        return len(set(counts.values())) == 1 and counts[values[0]] > 1
    found: dict[int, list[Hashable]] = {}
    for value, place in zip(values, places, strict=True):
        if place >= 0:
            found.setdefault(int(place), []).append(value)
    repeated = [one for one in found.values() if len(one) > 1]
    return sum(len(set(one)) > 1 for one in repeated) * 2 > len(repeated)


# The order of what is left: one image of each place.


def _order(members: Sequence[Member], positions_mm: np.ndarray, places: np.ndarray, kind: str) -> Iterator[Stack]:
    if np.isnan(positions_mm).all():
        yield _order_unplaced(members, kind)
        return
    notes: list[str] = []
    indices = np.arange(len(members))
    if _has_repeats(places):
        known = indices[places >= 0]
        chosen, note = _choose_time_point([members[index] for index in map(int, known)], places[known])
        indices = np.sort(np.concatenate([known[chosen], indices[places < 0]]))
        notes.append(note)
    filled_mm, note = fill_positions([members[index].frame for index in map(int, indices)], positions_mm[indices])
    notes += [note] if note else []
    is_placed = ~np.isnan(filled_mm)
    for index in map(int, indices[~is_placed]):
        yield _leave_out(
            [members[index]],
            "Left out: this file does not say where its slice lies among the others of its series, and neither its "
            "instance number nor its slice location does.",
        )
    indices, filled_mm = indices[is_placed], filled_mm[is_placed]
    order = np.argsort(filled_mm, kind="stable")
    gaps = find_gaps(filled_mm[order])
    yield Stack(
        members=tuple(members[index] for index in map(int, indices[order])),
        kind=kind,
        notes=(*notes, *gaps.notes),
        breaks=gaps.breaks,
        is_even=gaps.is_even,
    )


def _order_unplaced(members: Sequence[Member], kind: str) -> Stack:
    """Order images none of which says where it lies."""
    frames = [member.frame for member in members]
    if len({member.path for member in members}) == 1:  # the frames of a file have an order
        order, basis = sorted(range(len(members)), key=lambda index: frames[index].index), ""
    elif _is_distinct([frame.instance for frame in frames]):
        order, basis = sorted(range(len(members)), key=lambda index: frames[index].instance or 0), "instance numbers"
    elif _is_distinct([frame.location_mm for frame in frames]):
        order = sorted(range(len(members)), key=lambda index: frames[index].location_mm or 0.0)
        basis = "slice locations"
    else:
        order, basis = order_by_name([member.path for member in members]), "files' names"
    note = f"The files do not say where their slices lie: the order is that of the {basis}."
    return Stack(members=tuple(members[index] for index in order), kind=kind, notes=(note,) if basis else ())


def _is_distinct(values: Sequence[float | None]) -> bool:
    return None not in values and len(set(values)) == len(values)


def _choose_time_point(members: Sequence[Member], places: np.ndarray) -> tuple[np.ndarray, str]:
    """The first complete time point of several; if none is, the fullest. Its indices, and the note."""
    times = _find_times(members, places)
    counts = np.bincount(times)
    chosen = int(np.argmax(counts))  # the first of the fullest
    dropped = len(members) - int(counts[chosen])
    which = f"those of time point {chosen + 1} of {len(counts)} were" if chosen else "the first of each was"
    note = f"Several images show the same place (time points, directions): {which} read, {dropped} were not."
    return np.flatnonzero(times == chosen), note


def _find_times(members: Sequence[Member], places: np.ndarray) -> np.ndarray:
    """The time point of each image, counted from 0.

    By the first of the header's values that gives no place twice at one time and needs hardly more times than there are
    images of a place; else by the instance numbers, among which a new time begins where a place comes again; else the
    images of each place are counted by instance number.
    """
    most = int(np.bincount(places).max())
    frames = [member.frame for member in members]
    order = sorted(range(len(members)), key=lambda index: _rank(members[index]))
    for values in zip(*(frame.times for frame in frames), strict=True):
        if None not in values:
            times = np.unique(np.array(values, float), return_inverse=True)[1]
            if _is_valid(times, places, most):
                return times
    times = np.zeros(len(members), int)
    seen: set[int] = set()
    number = 0
    for index in order:
        if places[index] in seen:
            number, seen = number + 1, set()
        seen.add(int(places[index]))
        times[index] = number
    if _is_valid(times, places, most):
        return times
    counted: Counter[int] = Counter()
    for index in order:
        times[index] = counted[int(places[index])]
        counted[int(places[index])] += 1
    return times


def _is_valid(times: np.ndarray, places: np.ndarray, most: int) -> bool:
    pairs = {(int(time), int(place)) for time, place in zip(times, places, strict=True)}
    return len(pairs) == len(times) and int(times.max()) + 1 <= most + 1


def _rank(member: Member) -> tuple[int, int, str]:
    instance = member.frame.instance
    return (-1 if instance is None else instance, member.frame.index, member.path)
