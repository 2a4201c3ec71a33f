"""The shortcut baseline: how much of a label a handful of figures about the whole picture gives away.

What `training.data.picture_statistics` predicts, a network can predict without knowing anything of the brain.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

from training.data.picture_statistics import SIZES

_FOLDS = 5

_TREES = 100


def build_classifier(seed: int = 1) -> ExtraTreesClassifier:
    """The classifier on `STATISTICS`: trees, so that no figure needs scaling; classes weigh the same."""
    return ExtraTreesClassifier(_TREES, min_samples_leaf=2, class_weight="balanced", random_state=seed)


def score_shortcut(statistics: np.ndarray, labels: Sequence[str], groups: Sequence[str]) -> dict[str, Any]:
    """Predict labels from `STATISTICS`, each group by a classifier that never saw it.

    Parameters
    ----------
    statistics : numpy.ndarray, shape (N, 15), float32
    labels, groups : sequence of str

    Returns
    -------
    dict
        ``pictures``, ``labels``, ``majority`` (accuracy of always giving the commonest label), ``accuracy``,
        ``balanced_accuracy``, ``balanced_accuracy_without_size``, ``chance`` (of the balanced ones), and with two
        labels ``auc``, all in [0, 1]; or ``skipped``, a sentence. A label with a single group is left out.
    """
    truth, owners = np.asarray(labels), np.asarray(groups)
    counts = {label: len(set(owners[truth == label])) for label in sorted(set(labels))}
    names = [label for label, count in counts.items() if count > 1]
    if len(names) < 2:
        return {"skipped": "Two labels with two groups each are needed to measure this; there are fewer."}
    kept = np.isin(truth, names)
    statistics, truth, owners = statistics[kept], truth[kept], owners[kept]
    folds = min(_FOLDS, *(counts[name] for name in names))
    shares = _predict(statistics, truth, owners, names, folds)
    answers = np.array(names)[shares.argmax(1)]
    blind = np.array(names)[_predict(statistics[:, SIZES:], truth, owners, names, folds).argmax(1)]
    found: dict[str, Any] = {
        "pictures": len(truth),
        "labels": names,
        "majority": Counter(truth.tolist()).most_common(1)[0][1] / len(truth),
        "chance": 1.0 / len(names),
        "accuracy": float((answers == truth).mean()),
        "balanced_accuracy": float(balanced_accuracy_score(truth, answers)),
        "balanced_accuracy_without_size": float(balanced_accuracy_score(truth, blind)),
    }
    if len(names) == 2:
        found["auc"] = float(roc_auc_score(truth == names[1], shares[:, 1]))
    return found


def _predict(
    statistics: np.ndarray, truth: np.ndarray, groups: np.ndarray, names: Sequence[str], folds: int
) -> np.ndarray:
    """Probabilities, shape (N, len(names)), from classifiers that did not see the picture's group."""
    shares = np.zeros((len(truth), len(names)))
    order = StratifiedGroupKFold(folds, shuffle=True, random_state=1)
    for train, test in order.split(statistics, truth, groups):
        model = build_classifier().fit(statistics[train], truth[train])
        columns = [names.index(name) for name in model.classes_]
        shares[np.ix_(test, columns)] = model.predict_proba(statistics[test])
    return shares


def judge_shortcut(found: dict[str, Any]) -> str:
    """What a result of `score_shortcut` means, in a sentence."""
    if "skipped" in found:
        return str(found["skipped"])
    chance = found["chance"]
    skill = (found["balanced_accuracy"] - chance) / (1 - chance)
    if skill < 0.2:
        return "Hardly better than guessing: brightness and size give little away."
    if skill < 0.5:
        return "Better than guessing: brightness and size give some of it away."
    if skill < 0.8:
        return "Much better than guessing: a network can learn brightness and size instead of the brain."
    return "Nearly all of it can be read off brightness and size; a high score here proves nothing about brains."
