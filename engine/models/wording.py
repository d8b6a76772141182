"""An `Observation` -> one to three English sentences that say what was measured and when.

The phrases in `SIGN_PHRASES` and `QUIET_PHRASE` are how the baseline summarizer recognizes, in a
caption, what was measured: they are written here once and looked for there.
"""

from collections.abc import Sequence

from engine.models.observe import Observation
from engine.models.pictures import Happening, HappeningKind
from engine.models.regions import Region, Side

SIGN_PHRASES: dict[HappeningKind, str] = {
    "flash": "a sudden bright flash",
    "fire_like": "an orange-red area grows",
    "smoke_like": "a grey soft-edged area grows",
    "meeting": "two moving regions come together",
    "agitation": "a moving region changes its outline quickly on the spot",
    "motion_stop": "motion ends abruptly",
    "motion_onset": "motion rises suddenly",
    "brightening": "the picture becomes brighter",
    "darkening": "the picture becomes darker",
    "cut": "the scene changes at once",
}
"""Most telling first; a caption names the first three that were measured."""
QUIET_PHRASE = "no sudden change was measured"
STILL_PHRASE = "nothing moves"
ONE_FRAME_PHRASE = "only one frame was seen"
MAX_HAPPENINGS = 3
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six")


def caption_text(observation: Observation, *, duration_seconds: float) -> str:
    """Sentences about a clip of that length; times count from the clip's start.

    Frames are taken at the middles of equal parts, so the first lies half a step after the start.
    """
    span = observation.times_seconds[-1]
    clock = _Clock(max(0.0, (duration_seconds - span) / 2), duration_seconds)
    told = _salient(observation)
    sentences = [_scene_sentence(observation, clock)]
    sentences += [_happening_sentence(one, clock) for one in told]
    if not told and observation.num_frames > 1:
        sentences[0] = f"{sentences[0][:-1]}; {QUIET_PHRASE}."
    return " ".join(sentences)


class _Clock:
    """Times from the first frame, said as times from the clip's start."""

    def __init__(self, first_frame_seconds: float, duration_seconds: float) -> None:
        self._first = first_frame_seconds
        self._duration = duration_seconds

    def at(self, seconds: float) -> str:
        """`at 2.1 s`."""
        return f"at {self._first + seconds:.1f} s"

    def between(self, start: float, end: float) -> str:
        """`from 2.1 to 3.4 s`, or `throughout` when that is nearly all."""
        if end - start < 0.05:
            return self.at(start)
        if end - start > 0.85 * max(self._duration - 2 * self._first, 0.05):
            return "throughout"
        return f"from {self._first + start:.1f} to {self._first + end:.1f} s"


def _salient(observation: Observation) -> list[Happening]:
    order = list(SIGN_PHRASES)
    ranked = sorted(observation.happenings, key=lambda one: order.index(one.kind))
    first_of_kind = {one.kind: one for one in reversed(ranked)}
    told = sorted(first_of_kind.values(), key=lambda one: order.index(one.kind))[:MAX_HAPPENINGS]
    return sorted(told, key=lambda one: one.start_seconds)


def _scene_sentence(observation: Observation, clock: _Clock) -> str:
    light = _light(observation)
    if observation.num_frames == 1:
        return f"In {light} view {ONE_FRAME_PHRASE}, so that motion could not be measured."
    if observation.is_camera_moving:
        return f"The camera moves over {light} view, so that moving regions cannot be told apart."
    if observation.is_still:
        where = "before the fixed camera" if light == "a" else f"in {light} view"
        return f"{STILL_PHRASE.capitalize()} {where}."
    if not observation.regions:
        share = max(observation.moving_shares)
        return f"In {light} view up to {share:.0%} of the picture changes without a lasting region."
    dim = f" in {light} view" if light != "a" else ""
    told = _regions_phrase(observation, clock)
    return f"{told[0].upper()}{told[1:]}{dim}."


def _light(observation: Observation) -> str:
    words = ["dim" * observation.is_low_light, "colorless" * observation.is_colourless]
    return " ".join(["a", *(word for word in words if word)])


def _regions_phrase(observation: Observation, clock: _Clock) -> str:
    first, *others = observation.regions
    when = clock.between(first.start_seconds, first.end_seconds)
    phrase = f"{when}, {_kind_of(first)} {_movement(first)}"
    if when == "throughout":
        phrase = f"{_kind_of(first)} {_movement(first)} throughout"
    if not others:
        return phrase
    if len(others) == 1:
        return f"{phrase}, and {_kind_of(others[0])} {_movement(others[0])}"
    count = _NUMBERS[min(len(others), len(_NUMBERS) - 1)]
    return f"{phrase}; {count} other regions move, mostly {_where(_main_side(others))}"


def _kind_of(region: Region) -> str:
    upright = " upright" if region.is_upright else ""
    return f"a {region.size}{upright} moving region"


def _movement(region: Region) -> str:
    quickly = " quickly" if region.is_fast else ""
    depth = {"near": "in the foreground", "middle": "at middle distance", "far": "in the distance"}
    place = depth[region.depth]
    if region.direction in ("left", "right") and region.first_side != region.last_side:
        return f"goes{quickly} from the {region.first_side} to the {region.last_side} {place}"
    if region.direction in ("left", "right"):
        return f"{_where(region.last_side)} goes{quickly} {region.direction}ward {place}"
    if region.direction == "towards":
        return f"{_where(region.last_side)} comes{quickly} toward the camera"
    if region.direction == "away":
        return f"{_where(region.last_side)} goes{quickly} away from the camera"
    return f"{_where(region.first_side)} moves{quickly} on the spot {place}"


def _main_side(regions: Sequence[Region]) -> Side:
    sides = [region.first_side for region in regions]
    return max(sides, key=sides.count)


def _where(side: Side) -> str:
    return "in the center" if side == "center" else f"on the {side}"


def _happening_sentence(one: Happening, clock: _Clock) -> str:
    phrase = SIGN_PHRASES[one.kind]
    place = f" {_where(one.side)}" if one.side is not None else ""
    when = clock.between(one.start_seconds, one.end_seconds)
    if one.kind == "flash":
        sentence = f"{phrase}, {one.strength:.0f} of 255 levels above the rest, {when}"
    elif one.kind in ("fire_like", "smoke_like"):
        sentence = f"{phrase}{place} {when}, to {one.strength:.0%} of the picture"
    elif one.kind == "meeting":
        sentence = f"{phrase}{' quickly' if one.strength > 0.3 else ''}{place} {when}"
    elif one.kind in ("brightening", "darkening"):
        sentence = f"{phrase} by {one.strength:.0f} of 255 levels {when}"
    else:
        sentence = f"{phrase}{place} {when}"
    return f"{sentence[0].upper()}{sentence[1:]}."
