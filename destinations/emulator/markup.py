"""Wrap the emulator's pages: one style sheet, light and dark, phone and laptop, nothing from outside."""

from html import escape

STYLE = """
:root{color-scheme:light dark;--ink:#1b1d22;--soft:#5c6370;--line:#dfe2e8;--back:#f6f7f9;--card:#fff;--mark:#d6264f;
--good:#1a7f4b;--bar:#2aa7b8}
@media (prefers-color-scheme:dark){:root{--ink:#e8eaef;--soft:#a0a7b4;--line:#333843;--back:#14161b;--card:#1d2027;
--mark:#ff6b8b;--good:#58c98c;--bar:#37b6c6}}
*{box-sizing:border-box}
body{margin:0;font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--back)}
header{padding:1rem 1.25rem;border-bottom:1px solid var(--line);background:var(--card)}
h1{font-size:1.2rem;margin:0}h2{font-size:1rem;margin:0 0 .6rem}h3{font-size:.9rem;margin:.9rem 0 .2rem}
main{max-width:75rem;margin:0 auto;padding:1rem;display:grid;gap:1rem;grid-template-columns:repeat(2,minmax(0,1fr))}
main.narrow{max-width:34rem;display:block}
section,main.narrow{overflow-wrap:anywhere}
section,fieldset{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:1rem;margin:0 0 1rem}
section{margin:0}.wide{grid-column:1/-1}.scroll{overflow-x:auto}
small,.soft{color:var(--soft);font-size:.85em}
table{width:100%;overflow-wrap:normal;border-collapse:collapse;font-size:.88rem}
th,td{text-align:left;padding:.3rem .5rem .3rem 0;border-bottom:1px solid var(--line);vertical-align:top}
th{color:var(--soft);font-weight:600}.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
code{font-size:.85em}.bad{color:var(--mark);font-weight:600}.good{color:var(--good)}
.any{overflow-wrap:anywhere;min-width:9rem}
svg.bar{display:block;width:100%;height:.7rem}svg.bar rect{fill:var(--bar)}
.tabs{display:flex;flex-wrap:wrap;gap:.4rem;margin:1rem 0}
.tabs a{padding:.35rem .7rem;border:1px solid var(--line);border-radius:1rem;color:var(--ink);text-decoration:none}
.tabs a[aria-current]{background:var(--ink);color:var(--card)}
.tick{display:flex;gap:.6rem;padding:.35rem 0}
button{font:inherit;padding:.6rem 1.3rem;border-radius:.5rem;border:0;background:#d6264f;color:#fff;cursor:pointer}
button.quiet{background:transparent;color:var(--ink);border:1px solid var(--line)}
@media (max-width:50rem){main{grid-template-columns:minmax(0,1fr)}}
"""


def document(title: str, body: str, *, narrow: bool = False, head: str = "") -> str:
    """Give a whole HTML page; `body` is markup already escaped."""
    kind = ' class="narrow"' if narrow else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<title>{escape(title)}</title><link rel="icon" href="data:,"><style>{STYLE}</style>{head}</head>'
        f"<body><header><h1>{escape(title)}</h1></header><main{kind}>{body}</main></body></html>"
    )
