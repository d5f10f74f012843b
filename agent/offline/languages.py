"""The two questions about names in the languages in which introductions are understood."""

import re

_MY_NAME = (
    r"c[oó]mo me llamo(?: yo)?|cu[aá]l es mi nombre|qui[eé]n soy(?: yo)?|"
    r"comment (?:est-ce que )?je m'appelle|comment m'appell?[eé]-je|je m'appelle comment|"
    r"quel est mon (?:nom|pr[eé]nom)|qui suis[- ]je|"
    r"wie hei(?:ß|ss)e ich|wie ist mein name|was ist mein name|wer bin ich|"
    r"come mi chiamo|qual è il mio nome|chi sono(?: io)?|"
    r"como (?:eu )?me chamo|qual [eé] (?:o )?meu nome|quem sou eu|"
    r"hoe heet ik|wat is mijn naam|wie ben ik|"
    r"我叫什么(?:名字)?|我的名字是什么|我是谁|как меня зовут|кто я|私の名前は何(?:ですか)?|私は誰(?:ですか)?|"
    r"jak (?:się|mam) (?:nazywam|na imię)|kim jestem|vad heter jag|vem är jag"
)
_YOUR_NAME = (
    r"c[oó]mo te llamas(?: t[uú])?|c[oó]mo se llama(?: usted)?|qui[eé]n eres(?: t[uú])?|cu[aá]l es tu nombre|"
    r"comment (?:tu t'appelles|t'appelles[- ]tu|vous appelez[- ]vous)|qui (?:es[- ]tu|[eê]tes[- ]vous)|"
    r"wie hei(?:ß|ss)t du|wie hei(?:ß|ss)en sie|wer (?:bist du|sind sie)|wie ist dein name|"
    r"come ti chiami|chi sei|como (?:voc[eê] se chama|te chamas)|qual [eé] (?:o )?(?:seu|teu) nome|"
    r"quem [eé] voc[eê]|hoe heet (?:je|jij)|wie ben (?:je|jij)|"
    r"你叫什么(?:名字)?|你是谁|как тебя зовут|кто ты|あなたの名前は何ですか|あなたは誰ですか|"
    r"jak się nazywasz|kim jesteś|vad heter du|vem är du"
)
_QUESTIONS = tuple(
    (re.compile(rf"(?:\W|(?:y|et|und|e|en|och|а|и)\s)*(?:{shape})\W*", re.IGNORECASE), english)
    for shape, english in ((_MY_NAME, "what is my name"), (_YOUR_NAME, "what is your name"))
)


def in_english(clause: str) -> tuple[str, bool]:
    """The clause, in English when it asks for a name in a language known here; and whether it did."""
    for shape, english in _QUESTIONS:
        if shape.fullmatch(clause):
            return english, True
    return clause, False
