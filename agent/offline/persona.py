"""Who the assistant says it is: an offline model, with the name its system prompt gives it."""

import re

from langchain_core.messages import SystemMessage

from agent.offline.conversation import Conversation, spoken

_YOU_ARE = re.compile(r"(?:^|[.!?\n]\s*)You(?: are|'re) (?!talking|speaking|chatting)([^.!?\n]{2,120})")
_YOUR_NAME = re.compile(r"(?i:your name is) ([A-Z][\w'-]*)")
_NAMED = re.compile(r"[A-Z][\w'-]*(?: [A-Z][\w'-]*)?")
_WHO = re.compile(
    r"(?:who|what) (?:are|r) you(?: exactly)?|what (?:is|was) your name|what did you say your name "
    r"(?:is|was)|(?:do you have|have you got) a "
    r"name|who am I (?:talking|speaking|chatting) (?:to|with)|"
    r"(?:tell me|say something) about yourself|introduce yourself|what (?:should|can|do) I call you|"
    r"your name|what (?:kind of )?(?:model|ai|bot) are you|"
    r"who is this speaking",
    re.IGNORECASE,
)
_MEMORY = re.compile(
    r"(?:do you have|have you got|how (?:good|long) is|how does|what about) (?:a |any |your "
    r")?memory\b.*|(?:(?:can|do|will|is it true that) )?you (?:really |ever )?"
    r"(?:remember|forget|keep|store|save) (?:everything|things|anything|people|conversations?|chats?|"
    r"this|that|it all|all (?:of )?(?:this|it))\b.*",
    re.IGNORECASE,
)
_WHAT = re.compile(
    r"are you (?:an? |the )?(?:real |actual )?(?:bot|robot|human|person|ai|machine|computer|chatbot|"
    r"chatgpt|gpt|real|alive|llm|model|people|human being)\b.*|"
    r"(?:is this|am I (?:talking|speaking|chatting) (?:to|with)) (?:an? )?(?:real |actual )?(?:bot|"
    r"robot|human|person|ai|machine|chatbot)\b.*|"
    r"who (?:made|built|created|wrote|trained) you|(?:how old are|where are|where do|do) you (?:live|"
    r"from|have feelings|feel|sleep|eat|dream|think)?\b.*feel\w*|"
    r"how old are you|where (?:are you from|do you live|are you)|do you (?:have (?:feelings|a body|"
    r"friends|emotions|consciousness)|sleep|eat|dream)",
    re.IGNORECASE,
)


def about_itself(question: str, talk: Conversation) -> str | None:
    """The answer to "Who are you?" and "Are you a robot?", or None."""
    if _WHO.fullmatch(question):
        return _who(talk)
    if re.fullmatch(
        r"(?i)(?:do|can) you (?:speak|understand|know) (?:any )?(?:\w+|other languages)", question
    ) and (re.search(r"(?i)\b(?:speak|understand)\b", question)):
        return "Only English, I'm afraid, and simple English at that."
    if _MEMORY.fullmatch(question):
        return "I remember what is said in this conversation, and nothing from any other."
    if _WHAT.fullmatch(question):
        return "I'm a program: an offline model that only knows what is said in this conversation."
    return None


def _who(talk: Conversation) -> str:
    prompt = "\n".join(spoken(message) for message in talk.messages if isinstance(message, SystemMessage))
    name, role = _YOUR_NAME.search(prompt), _YOU_ARE.search(prompt)
    if name:
        return f"I'm {name[1]}, your assistant."
    if role and (_NAMED.match(role[1]) or re.match(r"(?:an?|the) ", role[1])):
        return f"I'm {role[1].strip().rstrip(',')}."
    return "I'm your assistant, an offline model. I only know what you tell me in this conversation."
