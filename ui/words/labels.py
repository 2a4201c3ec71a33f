"""What the controls of a front are called."""

from __future__ import annotations

MODEL_PICKER = "Model"
"""Names the list from which a model is chosen."""

CLASSES_TITLE = "What can it recognise?"
"""Names the panel that lists every class of a model that has many."""

CLASSES_SEARCH = "Search the classes"
"""Names the field that narrows the list down."""

HEAT_SWITCH = "Show where the evidence is"
"""Names the switch that shows and hides the heat map."""

HEAT_OPACITY = "Opacity"
"""Names the slider of the heat map's opacity."""

HEAT_ENDS = ("no evidence", "strong evidence")
"""The two ends of the heat map's colour bar."""

SCAN_PICKER = "Scan in this archive"
"""Names the list from which one of an archive's scans is chosen."""

SAVE_TITLE = "Save the answer"
"""Names the buttons that save it."""

SAVE_NAMES = {
    "pdf": "PDF page",
    "sr": "DICOM report",
    "capture": "DICOM image",
    "csv": "CSV",
    "jsonl": "JSON Lines",
}
"""What each of these buttons is called."""

PLANES_LABEL = "Three planes through the volume, with crosshairs"
"""Names the viewer for those who cannot see it."""

NO_PLANES = "This browser cannot draw the three planes (it has no WebGL 2). The answer does not need them."
"""Stands where the viewer would be."""

NOT_PLACED = "The file does not say where left and right are, so that no letters stand at the edges."
"""Stands beside a viewer whose directions are not known."""

SLICE_SLIDER = "Slice"
"""Names the slider that moves along a volume."""

SLICE_TABLE = ("All slices as a table", "Slice", "Probability", "Remark")
"""Names the table of a volume's slices, and its columns."""

BEST_MARK = "best"
"""Marks the slice that shows the answer best."""

CONVENTION_PICKER = "Convention"
"""Names the list from which the convention is chosen."""

CONVENTION_HELP = "where slices have the patient's right: radiological on the left, neurological on the right"
"""Says what an option ``--convention`` sets."""

SIDE_SWITCH = "Radiological"
"""Names the switch between the conventions where there is no room for more; what it means stands beside it."""
