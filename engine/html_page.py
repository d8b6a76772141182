"""Pages that need no server: one file with its style and its pictures."""

import base64
import io

from engine.media.frames import Frame

_JPEG_QUALITY = 70


def html_page(title: str, body: str) -> str:
    """A whole page; both are HTML already."""
    return _PAGE.format(title=title, style=_STYLE, body=body)


def picture(frame: Frame) -> str:
    """The frame as an `img` that holds its own bytes."""
    from PIL import Image

    packed = io.BytesIO()
    Image.fromarray(frame.image).save(packed, "JPEG", quality=_JPEG_QUALITY)
    data = base64.b64encode(packed.getvalue()).decode()
    height, width = frame.image.shape[:2]
    return f'<img src="data:image/jpeg;base64,{data}" width="{width}" height="{height}" alt="">'


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>{style}</style></head>
<body><main>
{body}
</main></body></html>
"""
_STYLE = """
:root{color-scheme:light dark;--ground:#fbfbfa;--card:#fff;--ink:#1c2126;--quiet:#5f6b76;
--line:#dfe3e6;--clip:#4f8fc0;--event:#d98b3a;--video:#6a7f5a;--bad:#b3372f;--good:#3f7d4e}
@media(prefers-color-scheme:dark){:root{--ground:#15181b;--card:#1d2125;--ink:#e4e7ea;
--quiet:#98a3ad;--line:#333a41;--clip:#6aabdd;--event:#e6a55c;--video:#93ad80;--bad:#ef8078;
--good:#7cc48d}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1180px;margin:0 auto;padding:28px 20px 60px}
h1{margin:0;font-size:30px}h2{margin:38px 0 12px;font-size:20px}h3{margin:0 0 4px;font-size:15px}
p{margin:4px 0 10px}.quiet,small{color:var(--quiet);font-weight:400}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;
margin-top:18px}
.tiles div,figure,details{background:var(--card);border:1px solid var(--line);border-radius:8px}
.tiles div{padding:12px 16px}.tiles b{display:block;font-size:24px}.tiles span{color:var(--quiet)}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:14px;
align-items:start}
figure{margin:0;padding:14px 16px}figcaption{font-weight:600;margin-bottom:8px}
svg{display:block;width:100%;height:auto}svg text{fill:var(--quiet);font-size:12px}
svg .mid{text-anchor:middle}svg .end{text-anchor:end}svg line{stroke:var(--line)}
.legend span{margin-right:16px;color:var(--quiet);font-size:13px}
.legend i{display:inline-block;width:11px;height:11px;margin-right:6px;border-radius:2px}
.wide{overflow-x:auto;margin-top:14px}table{border-collapse:collapse;width:100%}
th,td{padding:6px 12px 6px 0;border-bottom:1px solid var(--line);text-align:left;
font-variant-numeric:tabular-nums}th{color:var(--quiet);font-weight:600}
details{margin:8px 0;padding:0 14px}
summary{display:flex;gap:14px;align-items:center;padding:10px 0;cursor:pointer}
summary::-webkit-details-marker{display:none}
summary::before{content:"▸";color:var(--quiet);width:12px}
details[open]>summary::before{content:"▾"}
summary span,li span{min-width:0;overflow-wrap:anywhere}
summary img{width:112px;height:auto}img,.none{border-radius:4px;flex:none}
.none{display:inline-flex;align-items:center;justify-content:center;width:112px;height:64px;
border:1px dashed var(--line);color:var(--quiet);font-size:12px}
em{font-style:normal;font-size:12px;padding:1px 7px;border-radius:9px;border:1px solid}
.abnormal{color:var(--bad)}.normal{color:var(--good)}.unlabelled{color:var(--quiet)}
section{border-top:1px solid var(--line);padding:12px 0 4px}
ul{list-style:none;margin:8px 0;padding:0;display:grid;gap:10px;
grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr))}
li{display:flex;gap:12px;align-items:flex-start}li img{width:150px;height:auto}
li p{margin:2px 0 0}
"""
