"""Small talk: short things people say that need a short, natural answer.

A table of shapes for a whole clause; the first that fits answers. `{name}` in an answer becomes ", Alice"
when the name is known and nothing when it is not.
"""

import re

GREETING = re.compile(
    r"^\W*(?P<word>hi+|hello+|hey+|hiya|yo|howdy|greetings|sup|what's up|good (?:morning|afternoon|"
    r"evening|day)|g'day|morning|evening|hola|bonjour|"
    r"salut|hallo|guten tag|ciao|ol[áa]|namaste|salam|hej|hoi|你好|こんにちは|привет|안녕하세요)(?!\w)"
    r"(?:,? (?:there|again|everyone|everybody|all|team|folks|you|guys|mate|sir|madam|dear|bot|assistant))*",
    re.IGNORECASE,
)
_CASUAL = re.compile(r"^\W*(?:hey+|yo|hiya|sup|what's up|howdy)\b", re.IGNORECASE)

_TABLE = tuple(
    (re.compile(shape, re.IGNORECASE), answer)
    for shape, answer in (
        (r"how (?:are|r) (?:you|things|u)\b.*|how is it going|how do you do|how have you been|how is "
         r"(?:your day|life|everything)\b.*|are you (?:ok|okay|well|alright)|you (?:ok(?:ay)?|al+ ?"
         r"right|good|well)|what(?:'s| is) (?:up|new|happening)|how you doin\w*",
         "I'm doing well, thank you{name}! How can I help?"),
        (r"(?:and )?(?:you|yourself|what about you|how about you)",
         "I'm doing well, thank you! How can I help?"),
        (r"(?:I am )?(?:doing )?(?:very |pretty |quite |really |so )?(?:fine|good|great|well|alright|"
         r"not bad)(?:,? (?:thanks|thank you|cheers)\b.*| today| too)?|all good",
         "Glad to hear it{name}! How can I help?"),
        (r"(?:ok(?:ay)?,? |great,? |many |cool,? |perfect,? |no,? |yes,? |alright,? |super,? "
         r")*(?:thanks|thank you|thankyou|thank u|cheers|ta|much appreciated|appreciate it|merci|"
         r"gracias|danke|grazie|obrigad[oa])\b.*|(?:that is|that was|it was|this was|you were|you are|"
         r"you've been|it is|this is)? "
         r"?(?:very |really |so )?(?:helpful|kind|perfect|great|awesome|amazing|wonderful|"
         r"brilliant)(?: of you)?|(?:good|great|nice) (?:job|work|bot)|well done|(?:that|this|it) "
         r"(?:helps|helped|worked|works)\b.*|love it",
         "You're welcome{name}! Is there anything else I can do for you?"),
        (r"(?:good ?)?bye(?:[- ]bye)?\b.*|see (?:you|ya)\b.*|good ?night\b.*|farewell|ciao|take "
         r"care\b.*|have a (?:nice|good|great|lovely)\b.*|that is all\b.*|that will be all\b.*|cya|"
         r"ttyl|talk (?:to you )?(?:later|soon)|I (?:have to|need to|must|gotta|got to) (?:go|leave|"
         r"run)\b.*|nothing else\b.*|until (?:next time|tomorrow)",
         "Goodbye{name}! Come back any time."),
        (r"(?:yes|yeah|yep|yup|sure|of course|absolutely|certainly|exactly|correct|right|ja|oui|si|sí|"
         r"indeed|that is (?:right|correct|it)|y)(?:,? please)?",
         "All right{name}. Tell me more, or ask me anything about what you've told me."),
        (r"(?:no|nope|nah|not really|nein|non|n|no thank you|no thanks|never ?mind|forget it|nothing)",
         "No problem{name}. I'm here if you need anything."),
        (r"(?:ok|okay|k|kk|fine|alright|all right|got it|I see|understood|cool|great|nice|perfect|good|"
         r"awesome|wow|oh|ah|hmm+|hm|interesting|excellent|wonderful|super|lol|haha+|hehe+|ha)(?: ok| "
         r"okay)?",
         "Good{name}. Anything else?"),
        (r"(?:(?:can|could|would|will) (?:you|someone|anyone) (?:please )?(?:help|assist)\b.*|help(?: "
         r"me)?(?: please)?|I (?:need|want|would like|could use) (?:some |your |a bit of )?(?:help|"
         r"assistance|support)|I have a (?:quick )?question\b.*|(?:can|may|could) I ask (?:you "
         r")?(?:something|a question|a favour|a favor)|(?:can|may|could) I (?:tell|show|ask) you "
         r"(?:something|a secret|about it)|I am looking for (?:some )?help|are you there|anybody there|"
         r"anyone there|is anyone there|are you (?:listening|available))",
         "Of course{name}. What do you need?"),
        (r"(?:what|which things) (?:can|do|could) you (?:actually )?(?:do|help (?:me )?with|offer)\b.*|"
         r"how (?:can|could|do) you (?:help|work)\b.*|what are you (?:for|able to do|capable of)\b.*|"
         r"what is your (?:purpose|job)|what do you do",
         "{abilities}"),
        (r"(?:tell me|say|do you know|know|got|have you got|can you tell me|could you tell me|make)? "
         r"?(?:a |another |any |some |me )*(?:joke|jokes|something funny)(?: please)?|make me laugh|be "
         r"funny",
         "Why did the agent bring a notebook? So that it would not lose the thread."),
        (r"(?:I am |we are )?(?:so |very |really |terribly )?(?:sorry|apologies|my (?:bad|mistake|"
         r"apologies)|oops|whoops|excuse me|pardon)(?: about that| for that)?",
         "No problem at all{name}."),
        (r".*\b(?:stupid|idiot|dumb|useless|moron|suck|sucks|shut up|hate you|fuck|fucking|shit|crap|"
         r"rubbish bot|worthless)\b.*(?<!my .)",
         "I'm sorry I've not been more helpful{name}. What can I do to put it right?"),
        (r"(?:it is |what )?(?:an? )?(?:nice|lovely|beautiful|terrible|awful|bad|great|horrible|"
         r"miserable|gorgeous) "
         r"(?:weather|day|evening|morning|afternoon)\b.*",
         "I can't look outside, but it's good to talk{name}. How can I help?"),
        (r"(?:nice|good|pleased|great|lovely|happy) to (?:meet|see|talk to|speak to) you\b.*",
         "Nice to meet you too{name}! How can I help?"),
        (r"(?:I )?(?:really )?(?:love|like) you\b.*|you are (?:cool|nice|sweet|funny|smart|clever|the "
         r"best)\b.*", "That's kind of you{name}, thank you!"),
        (r"welcome back|I am (?:back|here)(?: again)?|it is me(?: again)?|back again",
         "Welcome back{name}! How can I help?"),
        (r"(?:are you |you are )?(?:really |very |quite )?(?:sure|certain|serious|seriously)(?: about "
         r"that)?|really", "As sure as I can be{name}: I go by what you've told me here."),
        (r"(?:not much,? |nothing,? )?(?:just |only )?(?:a |this is a )?(?:test|testing)(?: \d+)*|ping|"
         r"can you (?:hear|read|see) (?:me|this)\b.*", "I'm here{name}, and I can read you."),
        (r"what (?:time|day|date|year|month) is it\b.*|what is (?:the (?:time|date)|today's date|today)\b.*",
         "I can't tell: I'm an offline model without a clock. I only know what you tell me here."),
        (r"(?:I am )?(?:so |very |really |quite |a bit |feeling |a little )*(?:tired|sad|bored|lonely|"
         r"stressed|exhausted|sick|ill|unhappy|depressed|angry|upset|frustrated|annoyed|anxious|"
         r"worried|scared|unwell|fed up|overwhelmed|nervous|hungry|thirsty|lost|confused)(?: today| "
         r"now| of waiting| right now)?",
         "I'm sorry to hear that{name}. Is there something I can do?"),
        (r"(?:I am )?(?:so |very |really |feeling )*(?:happy|excited|glad|delighted|relieved|thrilled|"
         r"pleased)(?: today| now)?", "That's good to hear{name}!"),
    )
)  # fmt: skip
ABILITIES = (
    "I can chat, remember what you tell me in this conversation and answer questions about it. "
    "I'm an offline model, so that is all I know."
)


def small_talk(clause: str, name: str | None, abilities: str = ABILITIES) -> str | None:
    """The answer to a clause of small talk, or None when it is none."""
    for shape, answer in _TABLE:
        if shape.fullmatch(clause):
            return answer.format(name=f", {name}" if name else "", abilities=abilities)
    return None


def greet(text: str, name: str | None, again: bool = False) -> str:
    """A greeting in the tone of the user's: "Hey" is answered more casually than "Hi"."""
    who = f"{' again,' if again else ''} {name}" if name else ""
    if _CASUAL.match(text):
        return f"Hi{who}! What can I do for you?"
    return f"Hello{who}! How can I help?"
