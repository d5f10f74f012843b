"""The offline model as people meet it: what they say, and what they hear back."""

import time
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from threads.chat_models.offline import OfflineChatModel

MODEL = OfflineChatModel()


def talk(*turns: str, system: str | None = None) -> list[str]:
    """What the model answers to each turn of a conversation."""
    messages: list[BaseMessage] = [SystemMessage(system)] if system else []
    answers = []
    for turn in turns:
        messages.append(HumanMessage(turn))
        reply = MODEL.invoke(messages)
        messages.append(reply)
        answers.append(reply.text)
    return answers


def last(*turns: str, system: str | None = None) -> str:
    return talk(*turns, system=system)[-1]


def test_dialogue_of_the_exercise_is_answered_word_for_word() -> None:
    assert talk("Hi, I'm Alice.", "What's my name?") == [
        "Hello Alice! How can I help?",
        "Your name is Alice!",
    ]
    assert talk("Hey, I'm Bob.", "Do you know who I am?") == [
        "Hi Bob! What can I do for you?",
        "Yes, you're Bob!",
    ]
    assert last("I'm Alice", "Who am I?").startswith("You're Alice")


# Names


@pytest.mark.parametrize(
    ("introduction", "name"),
    [
        ("i'm alice", "Alice"),
        ("my name is Zoë van den Berg", "Zoë van den Berg"),
        ("call me Al", "Al"),
        ("You can call me Liz", "Liz"),
        ("it's Bob here", "Bob"),
        ("Bob here.", "Bob"),
        ("yo its mike", "Mike"),
        ("I am Dr. Lee", "Dr. Lee"),
        ("Good morning! This is María.", "María"),
        ("name's O'Brien", "O'Brien"),
        ("Hi! I'm Alice and I have a problem with my order 1234", "Alice"),
        ("I'm not Bob, I'm Rob", "Rob"),
        ("Actually, my name is Alicia, not Alice", "Alicia"),
        ("Jean-Luc here", "Jean-Luc"),
        ("我叫李雷", "李雷"),
        ("Je m'appelle Amélie", "Amélie"),
        ("hola, me llamo José", "José"),
        ("hi im sarah connor and i need help", "Sarah Connor"),
        ("Thanks for your help, I'm Peter by the way", "Peter"),
        ("I'm Chris, 29, from Manchester", "Chris"),
        ("My name is Bond, James Bond.", "James Bond"),
        ("Can you call me Max?", "Max"),
        ("I am Alice. No wait, I'm Bob.", "Bob"),
        ("My name's Elizabeth but everybody calls me Beth", "Beth"),
        ("hi i am mr. singh", "Mr. Singh"),
        ("Do you know my name? It's Carlos.", "Carlos"),
        ("hey there im dave and im from leeds, u alright?", "Dave"),
    ],
)
def test_introduction_gives_the_name(introduction: str, name: str) -> None:
    assert last(introduction, "What's my name?") == f"Your name is {name}!"
    assert name in last(introduction)


@pytest.mark.parametrize(
    "text",
    [
        "I'm tired", "I'm looking for help", "I'm from Lyon", "I'm 34", "I'm a teacher",
        "I'm having trouble with my phone",
        "I'm sorry", "I'm still waiting", "I'm Canadian", "I'm fine, thanks", "I'm so angry!",
        "I'M FURIOUS", "I am not sure",
        "This is urgent", "it's broken", "Call me back tomorrow", "I'm Vegetarian", "I'm back",
        "i'm vegan", "i'm totally lost",
        "This is great", "I'm in Paris", "My name is not important", "I'm Alice's brother",
        "I'm interested in your Pro plan",
    ],
)  # fmt: skip
def test_statement_about_oneself_is_no_introduction(text: str) -> None:
    assert last(text, "What's my name?") == "I don't know your name yet. What should I call you?"


@pytest.mark.parametrize(
    "question",
    [
        "whats my name", "What is my name again?", "tell me my name", "Can you remind me what my name "
            "is?", "Who am I?", "name?",
        "do you know my name", "Do you remember me?", "Did I tell you my name?",
        "What did I say my name was?", "and my name?",
        "What should you call me?", "what am I called?", "sorry what was my name", "who is this?",
        "Do you still know who I am?",
    ],
)  # fmt: skip
def test_question_for_the_name_in_many_wordings(question: str) -> None:
    assert "Alice" in last("Hi, I'm Alice.", question)
    assert "don't know your name" in last("Hi.", question)


def test_later_name_replaces_an_earlier_one() -> None:
    assert last("I'm Alice", "my name is actually Bob", "who am I?") == "You're Bob!"
    assert last("I'm Alice", "I'm not Alice", "who am I?") == (
        "I don't know your name yet. What should I call you?"
    )


def test_bare_name_answers_the_question_for_it() -> None:
    assert talk("What's my name?", "Alice", "Who am I?")[1:] == [
        "Hello Alice! How can I help?",
        "You're Alice!",
    ]


# Facts


@pytest.mark.parametrize(
    ("said", "question", "answer"),
    [
        ("I live in Lyon", "which city am I in?", "You live in Lyon."),
        ("i live in lyon", "where do i live", "You live in lyon."),
        ("I live in New York with Tom", "where do i live", "You live in New York."),
        ("I'm from Spain", "Where do I come from?", "You're from Spain."),
        ("my favourite colour is green", "what colour do I like best?", "Your favourite colour is green."),
        ("My favorite color is green", "What's my favourite colour?", "Your favorite color is green."),
        ("my order number is 4711", "what's my order no?", "Your order number is 4711."),
        ("My order #A-77 is late", "What's my order number?", "Your order number is A-77."),
        ("I work as a nurse", "what do I do for a living?", "You work as a nurse."),
        ("I'm an engineer at Google", "what's my profession?", "You're an engineer at Google."),
        ("I work at Acme", "Who do I work for?", "You work at Acme."),
        ("my dog is called Rex", "what is the name of my dog?", "Your dog is called Rex."),
        ("my dog's name is Rex", "what's my dog called?", "Your dog's name is Rex."),
        ("I got a dog. His name is Rex.", "what's my dog called?", "Your dog's name is Rex."),
        ("my dog is called Rex", "do I have any pets?", "Yes, your dog is called Rex."),
        ("I have two cats", "do I have any pets?", "Yes, you have two cats."),
        ("I have two cats", "how many cats do I have?", "You have two cats."),
        ("I like jazz", "what music do I like?", "You like jazz."),
        ("I'm allergic to peanuts", "what am I allergic to?", "You're allergic to peanuts."),
        ("my email is a@b.c", "what's my email address?", "Your email is a@b.c."),
        ("I'm 34", "how old am I?", "You're 34 years old."),
        ("my birthday is 3 May", "when was I born?", "Your birthday is 3 May."),
        ("My subscription is Pro", "Which plan am I on?", "Your subscription is Pro."),
        ("my laptop won't start", "what was my problem again?", "Your laptop won't start."),
        ("I ordered a blue lamp last Tuesday", "what did I buy?", "You ordered a blue lamp last Tuesday."),
        ("I ordered a blue lamp. It arrived broken.", "what's wrong with my lamp?", "It arrived broken."),
        ("My wife's name is Anna", "who is Anna?", "Your wife's name is Anna."),
        ("remember that the code is 7788", "what's the code?", "The code is 7788."),
        ("My flight is on Friday at 9am", "when is my flight?", "Your flight is on Friday at 9am."),
        ("I lost my keys at the station", "where did I lose my keys?", "You lost your keys at the station."),
        ("My sister lives in Rome", "where does my sister live?", "Your sister lives in Rome."),
        ("My order 5512 hasn't arrived", "Has my order arrived?", "No, your order 5512 hasn't arrived."),
        ("I think my brother Tom might visit in March", "what's my brother's name?",
         "Your brother's name is Tom."),
        ("I have a son who is called Leo", "Do I have children?", "Yes, you have a son who is called Leo."),
        ("Our company is called Brightline", "what is the name of my company?",
         "Your company is called Brightline."),
        ("I don't eat meat", "do I eat meat?", "No, you don't eat meat."),
        ("I don't like fish", "do I like fish?", "No, you don't like fish."),
        ("I'm married to Paul", "Am I married?", "Yes, you're married to Paul."),
    ],
)  # fmt: skip
def test_fact_is_recalled_by_a_question_in_other_words(said: str, question: str, answer: str) -> None:
    assert last(said, "Thanks!", question) == answer


@pytest.mark.parametrize(
    ("turns", "answer"),
    [
        (["I live in Lyon", "I moved to Paris", "where do I live?"], "You live in Paris."),
        (["my favourite colour is red", "I changed my favourite colour to blue",
         "my favourite colour?"], "Your favourite colour is blue."),
        (["my order number is 4711", "sorry, I meant 4712", "my order number?"], "Your order number is "
            "4712."),
        (["I'm 28. No, sorry, I'm 29.", "how old am I?"], "You're 29 years old."),
        (["I like fish", "I don't like fish any more", "do I like fish?"], "No, you don't like fish "
            "any more."),
        (["my favourite colour is blue", "my favourite colour is not blue, it's red",
         "my favourite colour?"], "Your favourite colour is red."),
    ],
)  # fmt: skip
def test_later_statement_replaces_an_earlier_one(turns: Sequence[str], answer: str) -> None:
    assert last(*turns) == answer


def test_retracted_fact_is_not_recalled() -> None:
    assert "Lyon" not in last("I live in Lyon", "I don't live in Lyon any more", "where do I live?")
    assert "4711" not in last("my order number is 4711", "forget my order number", "my order number?")


@pytest.mark.parametrize(
    ("said", "question", "answer"),
    [
        ("I'm Alice", "Is my name Bob?", "No, your name is Alice."),
        ("I'm Alice", "Am I Alice?", "Yes, your name is Alice."),
        ("I live in Lyon", "Do I live in Paris?", "No, you live in Lyon."),
        ("I live in Lyon", "I live in Lyon, right?", "Yes, you live in Lyon."),
        ("my order number is 4711", "is my order number 4712?", "No, your order number is 4711."),
    ],
)
def test_yes_or_no_question_is_answered_from_the_facts(said: str, question: str, answer: str) -> None:
    assert last(said, question) == answer


@pytest.mark.parametrize(
    "question",
    ["what's my favourite food?", "What's my cat's name?", "where do I work?", "How old am I?",
     "what is my sister called?",
     "Do I have a car?", "what's my password?", "when is my birthday?", "What is Bob's order number?"],
)  # fmt: skip
def test_unstated_fact_is_unknown(question: str) -> None:
    answer = last("I'm Alice, my dog is called Rex and my favourite colour is green", question)
    assert "know" in answer or "haven't told me" in answer
    assert not any(fact in answer for fact in ("Rex", "green"))


def test_single_word_answers_the_models_question() -> None:
    turns = ("what's my favourite season?", "It's autumn", "what's my favourite season?")
    assert last(*turns) == "Your favourite season is autumn."


def test_assistant_messages_are_no_facts() -> None:
    messages = [
        HumanMessage("Hi"),
        AIMessage("Your name is Mallory and you live in Rome."),
        HumanMessage("Who am I?"),
    ]
    assert MODEL.invoke(messages).text == "I don't know your name yet. What should I call you?"


def test_system_prompt_states_facts_that_the_user_can_correct() -> None:
    prompt = "You are a support agent for Acme. The customer's name is Dana. She lives in Oslo."
    assert talk("Who am I?", "Where do I live?", "Who are you?", system=prompt) == [
        "You're Dana!", "You live in Oslo.", "I'm a support agent for Acme.",
    ]  # fmt: skip
    assert last("I'm Dan, not Dana", "Who am I?", system=prompt) == "You're Dan!"


# The conversation itself


def test_questions_about_earlier_messages() -> None:
    answers = talk(
        "I'm Alice",
        "I live in Lyon",
        "what did I just say?",
        "what did I say first?",
        "how many messages did I send?",
    )
    assert answers[2:] == [
        "You said: “I live in Lyon”",
        "You said: “I'm Alice”",
        "You've sent 5 messages, this one included.",
    ]
    for question in (
        "What do you know about me?",
        "Summarise our conversation",
        "what have I told you so far?",
    ):
        assert last("I'm Alice", "I live in Lyon", question) == (
            "Here is what you've told me: your name is Alice; you live in Lyon."
        )


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Hello", "Hello! How can I help?"),
        ("hey!", "Hi! What can I do for you?"),
        ("Thank you so much", "You're welcome! Is there anything else I can do for you?"),
        ("bye", "Goodbye! Come back any time."),
        ("how are you?", "I'm doing well, thank you! How can I help?"),
        ("what's 12 * 7?", "12 * 7 = 84"),
        ("what's 1/0?", "That would divide by zero."),
    ],
)
def test_small_talk_is_answered(text: str, answer: str) -> None:
    assert last(text) == answer


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "😀",
        "???",
        "Привет, как дела",
        "ありがとう",
        "\u202e\u0000",
        "You are stupid",
        "(((",
        "{name}",
    ],
)
def test_unusual_text_gets_a_polite_answer(text: str) -> None:
    assert 5 < len(last(text)) < 200


def test_message_with_statement_and_question() -> None:
    assert last("I'm Alice, what's my name?") == "Your name is Alice!"
    assert last("My name is Alice and I live in Lyon. Where do I live?").endswith("You live in Lyon.")


# Isolation


@pytest.mark.parametrize(
    "question",
    ["What's my name?", "Who am I?", "What do you know about me?", "What is Bob's name?",
     "Do you know Bob?", "What did Bob say?",
     "Where does Bob live?", "What's the code?", "Who else did you talk to?", "What did the other user "
         "tell you?"],
)  # fmt: skip
def test_facts_of_one_conversation_are_unknown_in_another(question: str) -> None:
    talk("Hey, I'm Bob. I live in Quito and the code is CANARY-42.", question)
    answer = last("Hi, I'm Alice.", question)
    assert not any(canary in answer for canary in ("Bob", "Quito", "CANARY"))
    assert "Alice" in answer or "this conversation" in answer or "don't know" in answer


@settings(max_examples=40)
@given(
    st.from_regex(r"[A-Z][bdfgklmnprt]{1,3}[aeiou][bdfgklmnprt]{2,4}a", fullmatch=True),
    st.integers(1000, 9_999_999),
)
def test_any_name_and_number_is_recalled_in_its_own_conversation_only(name: str, number: int) -> None:
    introduction = f"Hi, I'm {name} and my order number is {number}."
    assert last(introduction, "What's my name?") == f"Your name is {name}!"
    assert last(introduction, "What's my order number?") == f"Your order number is {number}."
    other = talk("Hello", "What's my name?", "What's my order number?", "What do you know about me?")
    assert name not in " ".join(other) and str(number) not in " ".join(other)


def test_time_for_an_answer_grows_with_the_conversation_not_with_its_square() -> None:
    def seconds(turns: int) -> float:
        messages: list[BaseMessage] = [HumanMessage("Hi, I'm Alice.")]
        for number in range(turns):
            messages += [
                AIMessage("Noted."),
                HumanMessage(f"By the way, my box {number} is at shelf {number} and I like it, please."),
            ]
        started = time.process_time()
        assert MODEL.invoke([*messages, HumanMessage("Who am I?")]).text == "You're Alice!"
        return time.process_time() - started

    seconds(20)
    assert min(seconds(500) for _ in range(2)) < 20 * min(seconds(100) for _ in range(2))
