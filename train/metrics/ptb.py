"""English text -> tokens as the COCO caption toolkit makes them, without Java.

The toolkit runs Stanford's Penn Treebank tokenizer (CoreNLP 3.4.1, `-preserveLines -lowerCase`)
and then drops punctuation. These rules follow what that program does with descriptions of scenes;
how often they differ from it is told in `train/README.md`. Where Java is, `train.metrics.toolkit`
runs the program itself.
"""

import re

PUNCTUATION = frozenset(
    (
        *("''", "'", "``", "`", "-LRB-", "-RRB-", "-LCB-", "-RCB-"),
        *(".", "?", "!", ",", ":", "-", "--", "...", ";"),
    )
)
"""What the toolkit drops. It looks for brackets in upper case after having made lower case, so that
`-lrb-` and the others stay."""

# Python counts raised figures among the letters; the program does not.
_LETTER = r"[^\W\d_²³¹]"
_ALNUM = r"[^\W_²³¹]"
_APOS = r"['’‘]"
_CLITIC = r"(?:[sSmMdD]|ll|LL|re|RE|ve|VE)"
_ABBREVIATION = (
    r"(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|Mr|Mrs|Ms|Drs?|Profs?|Gen|Col|Capt|Lt|Sgt|"
    r"Maj|Gov|Sen|Rep|Rev|Hon|St|Ave|Blvd|Rd|Mt|Ft|Jr|Sr|Bros|Inc|Co|Corp|Ltd|Ph\.?D|Dept|Univ|"
    r"Supt|vs|etc|al|seq|est|ca|cf)"
)
_OPENER = (
    r"(?:A|An|The|This|That|There|Then|These|They|He|She|It|We|You|In|On|At|After|And|But|When)\b"
)
"""Of a sentence. Before one the period after a single letter is a full stop; at the end of a text
it is taken for one, where the program looks at the text that happens to come next."""
_NUMBER = r"(?:\d+(?:[.:,]\d+)*|(?:[.:,]\d+)+)"
_WORD = rf"{_LETTER}{_ALNUM}*(?:_{_ALNUM}+)*"
_SLASHED = rf"{_ALNUM}+(?:-{_LETTER}+){{0,2}}"
_END = rf"(?!{_ALNUM})"
_TOKEN = re.compile(
    rf"""
      (?:https?://|www\.)[^\s"<>|()]*[^\s"<>|().,!?:;'-]
    | [\w.+-]+@[\w-]+(?:\.[\w-]+)+
    | </?[A-Za-z!][^\s<>]*>
    | [@\#]{_LETTER}\w*
    | {_LETTER}(?:\.{_LETTER})+\.(?!{_LETTER})
    | (?i:{_ABBREVIATION})\.(?!{_LETTER}) | (?i:no|figs?)\.(?=\s?\d)
    | {_LETTER}+?(?=[nN]{_APOS}[tT]{_END})
    | [nN]{_APOS}[tT]{_END}
    | {_APOS}{_CLITIC}{_END}
    | {_APOS}[nN]{_APOS}?{_END} | {_APOS}(?:cause|em|till?|tis|twas|\d\ds){_END}
    | [oO]{_APOS}[cC]lock | (?:[CcDdJjLlOo]|[Qq]u){_APOS}{_LETTER}+
    | {_SLASHED}(?:/{_SLASHED}){{1,2}}
    | {_ALNUM}+(?:[.,]+{_ALNUM}+)*(?:-{_ALNUM}+)+
    | [A-Z]+(?:&[A-Z]+)+
    | (?<![^\W_])[-+]{_NUMBER}
    | \d+(?:{_LETTER}{_ALNUM}*)?(?:_{_ALNUM}+)+ | \d+{_LETTER}{_ALNUM}*
    | {_NUMBER}
    | {_LETTER}\.(?!{_LETTER}|\s+{_OPENER}|\s*$)
    | {_WORD}(?:[.!?]{_WORD})*
    | \.{{3}} | -{{2,}} | [?!]+ | \*+ | \#+ | _+
    | \S
    """,
    re.VERBOSE,
)
_SPELLED = {
    **dict.fromkeys('"“”„«»', "''"),
    **dict.fromkeys("’‘‚", "'"),
    **dict(zip("()[]{}", ("-lrb-", "-rrb-", "-lsb-", "-rsb-", "-lcb-", "-rcb-"), strict=True)),
    **{"–": "--", "—": "--", "…": "...", "€": "$", "£": "#", "½": "1/2", "¼": "1/4", "¾": "3/4"},
}
_SPLIT = {
    **{"cannot": "can not", "gonna": "gon na", "gotta": "got ta", "wanna": "wan na"},
    **{"lemme": "lem me", "gimme": "gim me", "'tis": "'t is", "'twas": "'t was"},
}


def tokens(text: str) -> list[str]:
    """Lower-case tokens without punctuation; empty where there is nothing else.

    Characters beyond the basic plane, such as emoji, are no tokens.
    """
    found = []
    for match in _TOKEN.finditer(text):
        token = match[0]
        spelled = _SPELLED.get(token, token).lower().replace("’", "'").replace("‘", "'")
        if spelled not in PUNCTUATION and spelled <= "\uffff" * len(spelled):
            found += _SPLIT.get(spelled, spelled).split()
    return found
