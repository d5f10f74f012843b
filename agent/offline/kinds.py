"""What is a kind of what: a dog is a pet, teal is a colour. Plain data."""

from types import MappingProxyType

_KINDS = {
    "pet animal": "dog cat hamster rabbit parrot goldfish fish turtle puppy kitten budgie horse snake",
    "music": "jazz rock pop techno blues metal punk opera hip-hop rap classical reggae folk",
    "food": "pizza pasta sushi curry chocolate cheese burger salad soup rice bread peanut nut "
    "gluten seafood shellfish strawberry egg milk tapas ramen tacos steak chicken "
    "lasagne lasagna risotto noodles dumplings",
    "drink": "tea coffee beer wine juice water cola lemonade espresso whisky cocoa",
    "sport hobby": "football tennis basketball chess climbing swimming running cycling hiking "
    "yoga golf "
    "rugby cricket hockey skiing badminton volleyball",
    "hobby": "painting gardening reading cooking knitting photography fishing dancing singing",
    "instrument": "guitar piano violin drum flute cello saxophone",
    "family sibling": "brother sister twin",
    "family parent": "mother father",
    "family partner": "wife husband married",
    "partner": "boyfriend girlfriend fiancé fiancée",
    "family child": "son daughter baby",
    "family": "uncle aunt cousin nephew niece grandmother grandfather grandma grandpa",
    "colour": "red green blue yellow purple orange pink black white brown grey gray teal "
    "turquoise violet beige maroon navy gold silver cyan magenta crimson lilac lavender indigo",
    "fruit": "apple banana cherry grape lemon mango melon orange peach pear pineapple plum strawberry",
    "animal": "bear bird cow dolphin elephant fox frog giraffe lion monkey otter owl panda penguin pig "
    "sheep tiger whale wolf zebra",
    "season": "spring summer autumn winter fall",
    "vehicle": "car bike bicycle motorcycle van truck scooter",
    "computer device": "laptop pc macbook desktop tablet",
    "phone": "iphone smartphone galaxy pixel",
    "device": "smartphone phone iphone printer router",
    "language": "english french german spanish italian dutch chinese japanese portuguese python",
}
BROADER = MappingProxyType(
    {
        word: tuple(
            kind for kinds, members in _KINDS.items() if word in members.split() for kind in kinds.split()
        )
        for word in " ".join(_KINDS.values()).split()
    }
)
"""Each word to the broader words a question may use for it."""
