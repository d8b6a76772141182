"""Asks a person about answers on the terminal, and says where a round stands."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from engine.cli._output import how_many, print_json, remark

if TYPE_CHECKING:
    from engine.config import CheckSection
    from engine.quality.bounds import Aim
    from engine.quality.spot_check import CheckItem, Progress, SpotChecks

_KEYS = {"r": "right", "w": "wrong", "u": "unsure"}


def aim_of(section: "CheckSection", *, at_most: str | None, confidence: str | None) -> "Aim":
    """What is aimed for; flags go before the settings. Raises `UsageError` for no share."""
    from engine.quality.bounds import Aim

    return Aim(
        section.at_most if at_most is None else _share("--at-most", at_most),
        section.confidence if confidence is None else _share("--confidence", confidence),
    )


def _share(flag: str, text: str) -> float:
    """`5%` or `0.05`."""
    from engine.errors import UsageError

    try:
        number = text.strip()
        share = float(number.removesuffix("%")) / (100 if number.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 < share < 1:
        raise UsageError(f"{flag} {text!r} is no share between 0 and 1; write 5% or 0.05")
    return share


def ask_on_terminal(checks: "SpotChecks", *, author: str) -> None:
    """One answer after the other, each kept at once, until the aim is met or the person stops."""
    if checks.progress().is_met:
        return
    for item in checks.upcoming():
        print("\n".join(_shown(item)), flush=True)
        said = _ask()
        if said is None:
            return
        checks.enter([(item, *said)], author=author)
        if checks.progress().is_met:
            return


def _shown(item: "CheckItem") -> list[str]:
    row = item.instruction
    where = f"{row.video_id}, {row.start_seconds:.1f} to {row.end_seconds:.1f} s"
    lines = ["", f"{item.id}  ({row.granularity} of {where})", f"  asked:    {item.turn.question}"]
    lines.append(f"  answered: {item.turn.answer}")
    return lines


def _ask() -> tuple[str, str | None] | None:
    """(verdict, reason); None: the person stops."""
    while True:
        key = _line("[r]ight, [w]rong, [u]nsure, [q]uit? ")
        if key in (None, "q"):
            return None
        verdict = _KEYS.get(key or "", key)
        if verdict == "wrong":
            reason = _ask_reason()
            return None if reason is None else ("wrong", reason)
        if verdict in _KEYS.values():
            return verdict or "", None
        remark(f"{key!r} is none of r, w, u, q")


def _ask_reason() -> str | None:
    from engine.quality.spot_check import REASONS

    keys = ", ".join(f"[{number}] {name}" for number, name in enumerate(REASONS, start=1))
    while True:
        key = _line(f"{keys}? ")
        if key in (None, "q"):
            return None
        if key in REASONS:
            return key
        if key and key.isdecimal() and 1 <= int(key) <= len(REASONS):
            return REASONS[int(key) - 1]
        remark(f"{key!r} is none of 1 to {len(REASONS)}")


def _line(prompt: str) -> str | None:
    """What was typed, in lower case; None at the end of input."""
    try:
        return input(prompt).strip().casefold()
    except EOFError:
        print()
        return None


def print_progress(progress: "Progress", *, is_json: bool) -> None:
    """What is known, and how far it is to the next look."""
    if is_json:
        sentence = progress.bound.sentence if progress.bound else None
        print_json({**asdict(progress), "is_met": progress.is_met, "sentence": sentence})
        return
    print(
        f"round {progress.round.id}: {how_many(progress.num_judged, 'answer')} judged of "
        f"{progress.num_items}; {progress.num_in_sample} in the uniform sample, "
        f"{progress.num_wrong_in_sample} of them wrong or unsure"
    )
    if progress.bound is not None:
        print(progress.bound.sentence)
    if progress.is_met:
        print("the aim is met")
    else:
        aim = f"{progress.round.at_most:.1%} at {progress.round.confidence:.0%}"
        print(f"aimed for: at most {aim}; the next look is at {progress.next_look} answers")
