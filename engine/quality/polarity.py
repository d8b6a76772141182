"""A judgement in words -> whether it says that there is an anomaly."""

import re

_ANOMALY = r"(?:anomal\w*|abnormal\w*|unusual|suspicious|irregular\w*)"
_GAP = r"(?:(?!an?\b|the\b|this\b|that\b|doubt\b|question\b)[\w'/()-]+\s+){0,4}?"
_UNDECIDED = re.compile(
    r"\b(?:unclear|uncertain|not clear|not possible|impossible|difficult|unable|cannot|can't|"
    r"insufficient|not enough|whether)\b",
    re.IGNORECASE,
)
_NEGATIVE = re.compile(
    rf"^\W*no\W*$|\bno\s+{_GAP}{_ANOMALY}"
    rf"|(?:n't|\bnot|\bnever|\bnothing|\bnone|\bneither|\bwithout|\bfree\s+of|\bfree\s+from|\black|\blacks"
    r"|\babsence\s+of)"
    rf"\s+{_GAP}(?:an?\s+|the\s+)?{_GAP}{_ANOMALY}"
    rf"|{_ANOMALY}\s+(?:\w+\s+)?(?:does|do|did|is|are|was|were|has|have)(?:\s*not|n't|\s+never)\s+"
    r"(?:been\s+)?(?:exist|occur|happen|present|detected|found|seen|observed|shown|visible|evident)"
    r"|\bnon-?anomal\w*",
    re.IGNORECASE,
)
_POSITIVE = re.compile(
    rf"^\W*yes\W*$|\b(?:an?|the|one|two|several|multiple|some|many|potential|possible|there|"
    rf"contains?|shows?|depicts?|exhibits?|includes?|features?|is|are|was|were|has|have)\b"
    rf"[^,;.]*?{_ANOMALY}"
    rf"|{_ANOMALY}\s+[^,;.]*?\b(?:exists?|existed|is|are|was|were|occurs?|occurred|detected|"
    r"present|shown|observed|depicted|identified|found)\b",
    re.IGNORECASE,
)
_NORMAL = re.compile(r"\b(?:is|are|appears?|seems?|looks?)\s+(?:\w+\s+)?normal\b", re.IGNORECASE)
_CLAUSE_END = re.compile(r"[,;:]|\.(?:\s|$)")


def judgement_polarity(text: str) -> bool | None:
    """True: it says that an anomaly exists; False: that none does; None: it says neither.

    The first clause that says either decides, so that "The anomaly exists, with no violence"
    is positive and "No anomaly exists, specifically no car accident" negative.
    """
    for clause in _CLAUSE_END.split(text):
        polarity = _clause_polarity(clause)
        if polarity is not None:
            return polarity
        if _UNDECIDED.search(clause):
            return None
    return None


def _clause_polarity(clause: str) -> bool | None:
    if _UNDECIDED.search(clause):
        return None
    if _NEGATIVE.search(clause):
        return False
    if _POSITIVE.search(clause):
        return True
    return False if _NORMAL.search(clause) else None
