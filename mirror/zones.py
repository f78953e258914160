"""Time zones by the names that outlets write beside a time: minutes east of Greenwich.

A name that is several zones' means the one of the larger readership: CST is America's, IST India's, BST Britain's.
"""

from __future__ import annotations

MINUTES = {
    **{"Z": 0, "UTC": 0, "GMT": 0, "WET": 0, "WEST": 60, "BST": 60, "CET": 60, "MEZ": 60, "MET": 60, "CEST": 120},
    **{"MESZ": 120, "MEST": 120, "EET": 120, "EEST": 180, "MSK": 180, "МСК": 180, "MSD": 240},
    **{"EST": -300, "EDT": -240, "ET": -300, "CST": -360, "CDT": -300},
    **{"MST": -420, "MDT": -360, "PST": -480, "PDT": -420},
    **{"IRST": 210, "IRDT": 270, "IST": 330, "HKT": 480, "SGT": 480, "JST": 540, "KST": 540},
    **{"AEST": 600, "AEDT": 660, "NZST": 720, "NZDT": 780},
}
