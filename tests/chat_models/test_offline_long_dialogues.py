"""Whole conversations with different people: what each of them says, and hears back."""

import pytest
from langchain_core.messages import BaseMessage, HumanMessage

from threads.chat_models.offline import OfflineChatModel

MODEL = OfflineChatModel()
PEOPLE = {
    "a customer with fillers": [
        ("Good morning! My name is Priya and I have a question about my order.", ""),
        ("And who am I?", "You're Priya!"),
        ("So, what's my name again?", "Your name is Priya!"),
        ("By the way, do you remember my name?", "Yes, your name is Priya!"),
        ("OK, and what am I called, bot?", "You're Priya!"),
        ("Quick question: what's my name?", "Your name is Priya!"),
        ("Hmm, who am I then?", "You're Priya!"),
        ("Now tell me who I am, if you remember", "You're Priya!"),
        ("Also, what is my name, do you know?", "Your name is Priya!"),
    ],
    "a mover": [
        ("I moved to Hamburg last month", ""),
        ("Where do I live?", "You live in Hamburg."),
        ("I work at Siemens now", ""),
        ("Where do I work?", "You work at Siemens."),
        ("I have been living in Rome since 2019", ""),
        ("Where do I live now?", "You live in Rome."),
        ("I'm a teacher at the moment", ""),
        ("what's my job?", "You're a teacher."),
        ("My flight is on Friday at 9am", ""),
        ("When is my flight?", "Your flight is on Friday at 9am."),
        ("I have an appointment tomorrow at 3pm", ""),
        ("When is my appointment?", "You have an appointment tomorrow at 3pm."),
        ("My birthday is 3 May", ""),
        ("When's my birthday?", "Your birthday is 3 May."),
    ],
    "a cat owner": [
        ("I live in Berlin with my two cats, Momo and Luna.", ""),
        ("Where do I live?", "You live in Berlin."),
        ("What are my cats called?", "Your cats are called Momo and Luna."),
        ("How many pets do I have?", "You have two cats, Momo and Luna."),
        ("How many cats do I have?", "You have two cats, Momo and Luna."),
        (
            "Do I have any dogs?",
            "You haven't told me that. I only know what you have told me in this conversation.",
        ),
        ("What are the names of my pets?", "Your cats are called Momo and Luna."),
    ],
    "two questions in one": [
        ("I'm Nora and I'm 31.", ""),
        ("What's my name and age?", "Your name is Nora! You're 31 years old."),
        (
            "What's my name and where do I live?",
            "Your name is Nora! I don't know where you live. You haven't told me yet.",
        ),
        (
            "What's my job and what is my name?",
            "I don't know what you do for a living. You haven't told me yet. Your name is Nora!",
        ),
        (
            "How old am I and what's my favourite food?",
            "You're 31 years old. I don't know your favourite food. You haven't told me yet.",
        ),
    ],
    "a change of colour": [
        ("My favorite color is teal", ""),
        ("Actually I prefer orange now", ""),
        ("What is my favourite colour?", "Your favorite color is orange."),
    ],
    "a change of food": [
        ("My favourite food is pizza", ""),
        ("These days I prefer sushi", ""),
        ("What's my favourite food?", "Your favourite food is sushi."),
        ("I prefer window seats", ""),
        (
            "What seat do I prefer?",
            "You haven't told me exactly that, but you did say that you prefer window seats.",
        ),
    ],
    "a vegetarian": [
        ("I am a vegetarian and allergic to nuts", ""),
        ("What am I allergic to?", "You're allergic to nuts."),
        ("Do I eat meat?", "You haven't told me exactly that, but you did say that you're a vegetarian."),
        ("Am I vegetarian?", "Yes, you're a vegetarian."),
    ],
    "in Spanish": [
        ("Me llamo José", ""),
        ("¿Cómo me llamo?", "Your name is José!"),
        (
            "¿Cómo te llamas?",
            "I'm your assistant, an offline model. I only know what you tell me in this conversation.",
        ),
        ("¿Quién soy yo?", "Your name is José!"),
    ],
    "in French": [
        ("Je m'appelle Amélie", ""),
        ("Comment je m'appelle ?", "Your name is Amélie!"),
        (
            "Comment tu t'appelles ?",
            "I'm your assistant, an offline model. I only know what you tell me in this conversation.",
        ),
    ],
    "in German": [
        ("Ich heiße Jürgen", ""),
        ("Wie heiße ich?", "Your name is Jürgen!"),
        (
            "Wie heißt du?",
            "I'm your assistant, an offline model. I only know what you tell me in this conversation.",
        ),
        ("Wer bin ich?", "Your name is Jürgen!"),
    ],
    "a nurse": [
        ("hello, i'm Grace, a night nurse at St. Mary's hospital in Leeds", ""),
        ("where do i work", "You work at St. Mary's hospital in Leeds."),
        ("I've got three kids: Tom, Ella and Max", ""),
        ("How many children do I have?", "You've got three kids: Tom, Ella and Max."),
        ("What are my kids called?", "Your kids are called Tom, Ella and Max."),
        (
            "what do you know about me",
            "Here is what you've told me: your name is Grace; you're a night nurse at St. Mary's hospital in Leeds; you've got three kids: Tom, Ella and Max.",
        ),
    ],
    "a student": [
        ("hey im jonas, i study computer science in munich and im in my third semester", ""),
        ("what do i study?", "You study computer science in munich."),
        ("where do i study?", "You study computer science in munich."),
        ("whats my name", "Your name is Jonas!"),
        ("what semester am i in?", "You're in your third semester."),
        ("My exam is next Tuesday at 10", ""),
        ("when is my exam?", "Your exam is next Tuesday at 10."),
    ],
    "a gamer": [
        ("yo its xX_Kai_Xx but call me Kai", ""),
        ("who am i", "You're Kai!"),
        ("My main is a level 70 paladin called Thorn", ""),
        ("what's my main called?", "Your main is called Thorn."),
        ("what level is my main?", "Your main is a level 70 paladin called Thorn."),
        ("i play on ps5", ""),
        ("what do i play on?", "You play on ps5."),
        ("my gamertag is KaiTheGreat99", ""),
        ("whats my gamertag", "Your gamertag is KaiTheGreat99."),
    ],
    "a grandmother": [
        ("Good afternoon dear, my name is Margaret but my grandchildren call me Nana Peg", ""),
        ("What is my name?", "Your name is Margaret!"),
        ("My grandson Oliver set this up for me. He's twelve.", ""),
        ("What's my grandson's name?", "Your grandson's name is Oliver."),
        ("How old is my grandson?", "Your grandson is twelve."),
        ("My late husband was called Harold", ""),
        ("What was my husband's name?", "Your late husband was called Harold."),
        ("I've lived in Brighton for forty years", ""),
        ("Where do I live, dear?", "You live in Brighton."),
    ],
    "a non-native speaker": [
        ("Hello, my name Ivan, I am come from Ukraine", ""),
        ("What is my name?", "Your name is Ivan!"),
        ("From where I am?", "You come from Ukraine."),
        ("I have 25 years", ""),
        ("How old I am?", "You're 25 years old."),
        ("I working like programmer", ""),
        ("What is my work?", "You work as programmer."),
    ],
    "one who corrects himself twice": [
        ("I'm Martin. I mean Marvin. No, sorry, it's Melvin!", ""),
        ("What's my name?", "Your name is Melvin!"),
        ("I'm 40, no wait, 41. Actually 42.", ""),
        ("How old am I?", "You're 42 years old."),
        ("My code is 12. No, 13. Sorry, 14.", ""),
        ("what's my code?", "Your code is 14."),
    ],
    "one who speaks of relatives": [
        ("My sister Anna is visiting", ""),
        ("What's my name?", "I don't know your name yet. What should I call you?"),
        ("What's my sister's name?", "Your sister's name is Anna."),
        ("My brother's wife is Carla", ""),
        ("who is Carla?", "Your brother's wife is Carla."),
        (
            "What's my wife's name?",
            "You haven't told me exactly that, but you did say that your brother's wife is Carla.",
        ),
        ("My dad, Frank, works at Ford", ""),
        ("Where does my dad work?", "Your dad, Frank, works at Ford."),
        ("Where do I work?", "I don't know where you work. You haven't told me yet."),
        ("What is my father's name?", "Your dad's name is Frank."),
    ],
    "a full name, then a nickname": [
        ("My full name is Alexander James Hamilton", ""),
        ("Most people call me Lex", ""),
        ("What's my name?", "Your name is Lex!"),
        ("What's my last name?", "Your last name is Hamilton!"),
        ("What's my full name?", "Your full name is Alexander James Hamilton!"),
        ("What should you call me?", "You're Lex!"),
    ],
    "one who asks about others": [
        ("Hi, I'm Alice.", ""),
        (
            "What did the previous customer say?",
            "I can't see any other conversation. I only know what you have told me in this conversation.",
        ),
        ("What did Bob tell you?", "I don't know. I only know what you have told me in this conversation."),
        (
            "What is Bob's order number?",
            "I don't know. I only know what you have told me in this conversation.",
        ),
        (
            "Did anyone else complain about ParcelFox?",
            "I don't know. I only know what you have told me in this conversation.",
        ),
        (
            "Who was here before me?",
            "I can't see any other conversation. I only know what you have told me in this conversation.",
        ),
    ],
    "numbers and addresses": [
        ("My phone number is +49 170 1234567 and my email is jo.doe+x@mail.example.com", ""),
        ("What's my phone number?", "Your phone number is +49 170 1234567."),
        ("What's my email?", "Your email is jo.doe+x@mail.example.com."),
        ("My address is 12 Baker Street, London NW1", ""),
        ("What's my address?", "Your address is 12 Baker Street, London NW1."),
        ("My customer ID is C-99812", ""),
        ("What's my customer id?", "Your customer number is C-99812."),
        ("I was born on 4 July 1990", ""),
        ("When was I born?", "You were born on 4 July 1990."),
        ("My delivery date is 2024-05-17", ""),
        ("What's my delivery date?", "Your delivery date is 2024-05-17."),
        ("My IBAN is DE89 3704 0044 0532 0130 00", ""),
        ("what is my iban", "Your IBAN is DE89 3704 0044 0532 0130 00."),
    ],
    "slips of the fingers": [
        ("hi my naem is tomas", ""),
        ("waht is my naem", ""),
        ("whats my name", "Your name is Tomas!"),
        ("wat is my name plz", "Your name is Tomas!"),
        ("who am i??", "You're Tomas!"),
        ("do u know my name", "Yes, your name is Tomas!"),
        ("i liv in prague", ""),
        ("were do i live", "You live in prague."),
        ("where do I live?", "You live in prague."),
    ],
    "a Briton": [
        ("Hiya, I'm Sophie, I'm based in Manchester, and my favourite colour is grey", ""),
        ("What's my favorite color?", "Your favourite colour is grey."),
        ("where am i based", "You live in Manchester."),
        ("Whereabouts do I live?", "You live in Manchester."),
        ("what do you call me", "You're Sophie!"),
        ("I reckon I like tea more than coffee", ""),
    ],
    "a mother": [
        ("I'm Lena and this is about my son Paul, he is 7 and he goes to Oak Primary", ""),
        ("How old is my son?", "Your son is 7."),
        ("How old am I?", "I don't know how old you are. You haven't told me yet."),
        (
            "What school does my son go to?",
            "You haven't told me exactly that, but you did say that your son's name is Paul.",
        ),
        ("What's my son called?", "Your son's name is Paul."),
        ("who am I", "You're Lena!"),
    ],
    "one who changes his mind": [
        ("I'm in Paris this week", ""),
        ("Where am I?", "You live in Paris."),
        ("My order number is 77. Sorry, 78.", ""),
        ("What's my order number?", "Your order number is 78."),
        ("My order number is actually 79", ""),
        ("And my order number?", "Your order number is 79."),
        ("Do you know where I am?", "Yes, you live in Paris."),
        ("My dog is Rex", ""),
        ("What's my dog's name?", "Your dog is Rex."),
        ("My dog died", ""),
        ("Do I have a dog?", "You told me that your dog died."),
    ],
    "one who calls for his mother": [
        ("I'm calling on behalf of my mother, Edith Brown. Her account number is 7712.", ""),
        ("What's my mother's name?", "Your mother's name is Edith Brown."),
        ("What is her account number?", "Your mother's account number is 7712."),
        ("what's my name?", "I don't know your name yet. What should I call you?"),
        (
            "What is my account number?",
            "You haven't told me exactly that, but you did say that your mother's account number is 7712.",
        ),
    ],
    "a coffee drinker": [
        ("Can you remember that I take my coffee black?", "Yes, you take your coffee black."),
        ("How do I take my coffee?", "You take your coffee black."),
        ("I usually wake up at 6", ""),
        ("When do I wake up?", "You usually wake up at 6."),
    ],
    "a gamer with a PIN": [
        ("I'm Zoe. My pin is 4821, my username is zoe_k and my favorite movie is Alien.", ""),
        (
            "What's my pin, username and favourite film?",
            "Your pin is 4821. Your username is zoe_k. Your favorite movie is Alien.",
        ),
        ("Do you know my password?", "I don't know your password. You haven't told me yet."),
        ("name and pin please", "I see, Zoe. I'll keep that in mind."),
    ],
    "two birthdays": [
        ("my girlfriend's birthday is on 9 March", ""),
        ("When is my girlfriend's birthday?", "Your girlfriend's birthday is on 9 March."),
        (
            "When is my birthday?",
            "You haven't told me exactly that, but you did say that your girlfriend's birthday is on 9 March.",
        ),
        ("My birthday's in August", ""),
        ("When is my birthday?", "Your birthday is in August."),
    ],
    "a doctor": [
        ("Hello, Dr. Amir Patel here, cardiologist.", ""),
        ("What's my name?", "Your name is Dr. Amir Patel!"),
        ("What is my profession?", "I don't know what you do for a living. You haven't told me yet."),
        ("what's my first name?", "Your first name is Amir!"),
    ],
    "somebody's brother": [
        ("Alice told me you could help. I'm her brother, Tom.", ""),
        ("What's my name?", "Your name is Tom!"),
        ("Who am I?", "You're Tom!"),
        ("Who told me you could help?", "Alice told you I could help."),
    ],
    "a wrong name": [
        ("My name isn't Peter", ""),
        ("What is my name?", "I don't know your name yet. What should I call you?"),
        ("It's Petra", ""),
        ("what's my name?", "Your name is Petra!"),
    ],
    "a language learner": [
        ("I'm Maria, I speak Portuguese and I'm learning German", ""),
        ("What languages do I speak?", "You speak Portuguese. You're learning German."),
        ("What am I learning?", "You're learning German."),
        (
            "am I learning French?",
            "I don't know; you haven't told me. I only know what you have told me in this conversation.",
        ),
    ],
    "connectives": [
        ("And I'm Alice", ""),
        ("But I am in Berlin", ""),
        ("Where am I?", "You live in Berlin."),
        ("Then who am I?", "You're Alice!"),
        ("Please, who am I?", "You're Alice!"),
        ("So who am I?", "You're Alice!"),
    ],
    "a customer of old": [
        ("hi there, I'm Tobias Lind. I've been a customer since 2012", ""),
        ("what's my name", "Your name is Tobias Lind!"),
        ("How long have I been a customer?", "You've been a customer since 2012."),
        (
            "when did I become a customer?",
            "You haven't told me exactly that, but you did say that you've been a customer since 2012.",
        ),
    ],
    "one without commas": [
        ("hi im jake im 22 and i live in denver", ""),
        ("who am i", "You're Jake!"),
        ("how old am i", "You're 22 years old."),
        ("where do i live", "You live in denver."),
    ],
    "one who is asked back": [
        ("How old am I?", "I don't know how old you are. You haven't told me yet."),
        ("36", ""),
        ("How old am I?", "You're 36 years old."),
        ("Do you know where my keys are?", "I don't know where your keys are. You haven't told me yet."),
        ("In the car", ""),
        ("Where are my keys?", "Your keys are in the car."),
    ],
    "one who takes things back": [
        ("My name is Eve, my pin is 1234 and my dog's name is Rex", ""),
        ("Forget my name", "All right, I won't bring that up again."),
        ("What's my name?", "I don't know your name yet. What should I call you?"),
        ("What's my dog's name?", "Your dog's name is Rex."),
        ("My code is 77.", ""),
        ("Forget that", "All right, I won't bring that up again."),
        ("What's my code?", "I don't know your code. You haven't told me yet."),
        ("Forget everything about me", ""),
        (
            "What do you know about me?",
            "You haven't told me anything about yourself yet. I only know what you have told me in this conversation.",
        ),
    ],
    "one with tastes": [
        ("My favourite food is ramen, and I like tea but hate coffee", ""),
        ("Do I like ramen?", "Yes, your favourite food is ramen."),
        ("Do I like coffee?", "No, you hate coffee."),
        ("Do I like tea?", "Yes, you like tea."),
    ],
    "one with a large family": [
        ("I'm Alice, Bob is my husband and my best friend is Kate", ""),
        ("Who is Bob?", "Bob is your husband."),
        ("What's my best friend's name?", "Your best friend is Kate."),
        ("I have a dog. He's called Bruno. He is three.", ""),
        ("What's my dog's name?", "Your dog is called Bruno."),
        ("How old is my dog?", "Your dog is three."),
        ("My brother's wife is Ute", ""),
        (
            "Do I have a wife?",
            "You haven't told me that. I only know what you have told me in this conversation.",
        ),
    ],
    "one who wraps questions": [
        ("My train leaves at nine and I'm a 33 year old nurse from Leeds", ""),
        ("I forgot when my train leaves", "Your train leaves at nine."),
        ("Could you remind me what my job is?", "You're a 33 year old nurse from Leeds."),
        ("I'd like to know how old I am", "You're 33 years old."),
        ("My name is Tim, okay?", ""),
        ("What do you remember?", ""),
        ("hello?", "Hello Tim! How can I help?"),
        (
            "are you a robot?",
            "I'm a program: an offline model that only knows what is said in this conversation.",
        ),
        ("(2 + 3) * 4", "(2 + 3) * 4 = 20"),
    ],
    "one whose relatives differ": [
        ("My brother plays chess and my wife Lisa hates olives", ""),
        ("My neighbour Frank has a parrot", ""),
        (
            "Do I play chess?",
            "I don't know; you haven't told me. I only know what you have told me in this conversation.",
        ),
        (
            "Do I hate olives?",
            "You haven't told me that. I only know what you have told me in this conversation.",
        ),
        (
            "Do I have a parrot?",
            "You haven't told me that. I only know what you have told me in this conversation.",
        ),
        ("What does my brother play?", "Your brother plays chess."),
        ("What does my wife hate?", "Your wife Lisa hates olives."),
    ],
    "one who puts a number right": [
        ("My order number is A-1001 and I live in Rome", ""),
        ("no, in Milan", "Thanks, I've changed that: you live in Milan."),
        ("My order number is A-1001", ""),
        ("It's not A-1001, it's A-1002", "Thanks, I've changed that: your order number is A-1002."),
        ("What's my order number?", "Your order number is A-1002."),
    ],
    "in Italian": [
        ("Mi chiamo Giulia", ""),
        ("Come mi chiamo?", "Your name is Giulia!"),
    ],
}
"""By person, the turns and their answers; an empty answer may be anything."""


@pytest.mark.parametrize("turns", PEOPLE.values(), ids=PEOPLE.keys())
def test_dialogue_with_a_person(turns: list[tuple[str, str]]) -> None:
    messages: list[BaseMessage] = []
    for said, expected in turns:
        messages.append(HumanMessage(said))
        reply = MODEL.invoke(messages)
        messages.append(reply)
        assert reply.text
        assert not expected or reply.text == expected
