"""Fits `inference.model.schema.VolumeRule`: from the evidence of a volume's best run of slices to its finding."""

from __future__ import annotations

import numpy as np

from inference.answer.runs import measure_volume
from inference.model.schema import FindingRule, VolumeRule
from training.bundle.finding import fit_logistic

RUN_SHARE = 0.15
"""How long a run of slices is, as a share of the head's height: about 2 cm. An assumption, not fitted."""

EDGE_SHARE, EDGE_PENALTY = 0.2, 3.0
"""Where and by how much evidence counts for less, at skull base and vertex. An assumption, not fitted: on the volumes
at hand it makes no difference that could be told from chance."""


UNFITTED = VolumeRule(run_share=RUN_SHARE, edge_share=EDGE_SHARE, edge_penalty=EDGE_PENALTY)
"""What finds the run, before anything is fitted."""


def fit_volume_rule(
    evidence: np.ndarray, is_present: np.ndarray, patients: np.ndarray, slices: FindingRule
) -> VolumeRule:
    """Presence by logistic regression, present and absent counting the same; and the limits beyond which no patient
    that it was fitted on is sure and wrong.

    Of n patients of a kind such a limit lets at most 1 in n + 1 new ones be sure and wrong, if they come like these;
    ``risk`` is that of the kind with fewer. With so few patients no stricter promise can be made, so no limit is laxer
    than that of a slice.

    Parameters
    ----------
    evidence : numpy.ndarray, shape (N,)
        Of each volume's run.
    is_present : numpy.ndarray, shape (N,), bool
        Of both kinds.
    patients : numpy.ndarray, shape (N,)
    slices : FindingRule
        The slices'.

    References
    ----------
    Angelopoulos et al. 2022, https://arxiv.org/abs/2208.02814, section 1.
    """
    weights = fit_logistic(np.stack([np.ones_like(evidence), evidence], axis=1), is_present)
    rule = UNFITTED.model_copy(update={"intercept": round(float(weights[0]), 4), "slope": round(float(weights[1]), 4)})
    presence = np.array([measure_volume(value, rule) for value in evidence])
    fewer = min(len(np.unique(patients[is_present])), len(np.unique(patients[~is_present])))
    return rule.model_copy(
        update={
            "present_at": max(slices.present_at, _step(presence[~is_present].max())),
            "absent_at": min(slices.absent_at, round(1.0 - _step(1.0 - presence[is_present].min()), 4)),
            "risk": round(1.0 / (fewer + 1), 4),
            "fitted_on": len(np.unique(patients)),
        }
    )


def _step(limit: float) -> float:
    """The next number of four decimals above a limit."""
    return min(1.0, float(np.floor(limit * 1e4 + 1.0) / 1e4))
