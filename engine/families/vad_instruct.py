"""Holmes-VAD's scheme: of each event's clip, whether it is abnormal, and why or why not."""

from engine.families.family import Draw, RuleFamily, TextSubject
from schemas import Turn

POOL = "vad_instruct"


def turns(subject: TextSubject, draw: Draw) -> tuple[Turn, ...]:
    """One turn: the judgement with its explanation; none where nobody could tell."""
    if isinstance(subject.text, str) or subject.verdict is None:
        return ()
    question = draw(POOL, subject.segment_id)
    return (Turn(task="judgement", question=question, answer=subject.text.text),)


VAD_INSTRUCT = RuleFamily("vad-instruct", turns, pools=(POOL,))
