"""The word lists the offline model reads with: plain data, no logic.

Each list answers one question a reader of English answers without thinking: may this word be a
person's name, does it carry meaning in a question, which words mean the same, what is a dog.
"""

from types import MappingProxyType


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NOT_NAMES = _words(
    """
    a an the this that these those my your his her our their its some any no not none all every each
    i you he she it we they me us them who what where when why how which whose
    in on at from to for with without of by about into onto over under near behind between
    and or but if so because as than then too very really quite just only also even still yet already
    almost always never ever often sometimes usually maybe perhaps probably definitely totally
    completely absolutely extremely pretty rather kinda sort bit lot afraid able about above
    new old young here there back home out up down off away again later soon today tomorrow tonight
    yesterday now asap please anytime whatever whenever someone somebody anyone nobody everyone
    good great fine ok okay well bad better best worse alright awesome amazing perfect excellent cool
    nice lovely happy sad glad mad angry upset sorry tired sleepy awake asleep hungry thirsty sick ill
    healthy busy free ready done sure certain aware curious keen eager proud lonely alone single
    late early stuck lost broke poor rich cold hot warm wet dry dizzy drunk sober high low calm nervous
    anxious worried scared terrified excited bored confused puzzled surprised shocked annoyed furious
    livid grumpy cranky lazy weak strong fit tall short big small fat thin slim blind deaf mute dead
    alive pregnant vegan vegetarian veggie gluten lactose intolerant allergic diabetic autistic
    disabled retired unemployed employed self-employed freelance student male female gay straight
    trans nonbinary queer bi human real serious honest polite rude right wrong correct true false
    fair crazy insane stupid dumb smart clever silly dull grateful thankful hopeful helpful careful
    broken delayed ruined finished blue red green useless hopeless speechless clueless homeless fearless
    jealous anonymous curious famous
    interested impressed disappointed satisfied dissatisfied unhappy unhappy unsure uncertain unable
    come came go live living work working need want wanted have think know see get make use used buy try
    ask feel leave keep seem turn start show hear play run move believe bring write sit stand lose pay meet
    learn understand watch follow stop speak read spend walk wait send expect stay agree
    vegetarians gone stuck born called named
    unwell content comfortable uncomfortable responsible available unavailable welcome innocent guilty
    full empty open closed active offline online abroad indoors outside inside overseas underway
    half double one two three four five six seven eight nine ten first second third last next both
    done gone going gonna trying looking having being feeling getting going working wondering
    like unlike kind familiar unfamiliar different same similar customer user guest member
    against behind beyond during until till since while where whether such much many more most few
    less least another other own hello hi hey yes yeah yep nope thanks thank bye
    monday tuesday wednesday thursday friday saturday sunday january february march july
    august september october november december christmas easter urgent important possible impossible
    time money help nothing everything something anything all-right overwhelmed exhausted
    convinced desperate frustrated fed sleepless so-so meh fuming gutted knackered chuffed skint
    bloody fucking damn super mega hella feelin doin tryna lookin jealous emotional ashamed embarrassed
    concerned unimpressed speechless positive negative optimistic pessimistic sceptical skeptical
    hungover jetlagged heartbroken devastated thrilled delighted pleased relieved relaxed stressed
    """
)
"""Words that follow "I am" or "call me" without being anybody's name."""

DEMONYMS = _words(
    """
    american british english scottish welsh irish french german spanish italian portuguese dutch
    belgian swiss austrian swedish norwegian danish finnish icelandic polish czech slovak hungarian
    romanian bulgarian greek turkish russian ukrainian lithuanian latvian estonian serbian croatian
    bosnian slovenian albanian canadian mexican brazilian argentinian argentine chilean peruvian
    colombian venezuelan cuban indian pakistani bangladeshi nepali chinese japanese korean vietnamese
    thai indonesian malaysian filipino filipina singaporean taiwanese australian kiwi egyptian
    moroccan algerian tunisian nigerian kenyan ethiopian ghanaian somali sudanese israeli
    palestinian lebanese syrian iraqi iranian persian afghan saudi arab european african asian
    muslim jewish catholic protestant buddhist hindu atheist catalan basque breton flemish
    """
)

NAMES_LIKE_WORDS = _words(
    """
    ming ying jing ning bing ling qing ping ding king sterling irving fleming yifeng
    fred ned ted ahmed mohammed mohamed muhammed jared alfred wilfred winifred reed ed syed saeed
    waheed obed rasheed majeed naveed hamed mehmed manfred khaled walid emily kelly sally molly polly
    billy lily
    holly elly ally carly charly beverly kimberly lilly willy wally olly tilly milly
    """
)
"""Names whose endings look like an English ending."""

PARTICLES = _words("van den der de la le du da dos das del della di von zu zum zur ten ter bin ibn al el")
"""Small words inside a name, kept small."""

OCCUPATIONS = _words(
    """
    nurse chef cook pilot judge clerk coach nanny priest vet mechanic athlete student pupil apprentice
    intern farmhand guard freelancer consultant accountant assistant attendant surgeon physician nun
    monk soldier sailor model artist poet postman fireman policeman businessman businesswoman
    architect diplomat plumber ceo cto cfo dev developer spy secretary therapist scientist dentist
    librarian musician technician electrician politician beautician magician
    entrepreneur paralegal headteacher barista bartender
    """
)
NOT_OCCUPATIONS = _words(
    """
    customer user member mother father brother sister beginner newcomer foreigner owner lover believer
    stranger fighter winner loser sufferer starter daughter number subscriber smoker drinker sinner
    outsider insider survivor runner hiker swimmer gamer reader early late liar bachelor
    """
)

STOPWORDS = _words(
    """
    a an the i me my mine myself we us our ours you your yours yourself it its this that these those
    there here he him his she her they them their am is are was were be been being do does did done
    has had having will would shall should can could may might must to of in on at for from with by as
    about into and or but if so than then too very really just also even still yet already again
    please what which who whom whose where when why how ok okay yes no not any some tell told say said
    know knew known remember remind recall mention mentioned think believe actually now currently
    right today exactly ever one ones thing things kind sort type give gave please hi hello hey again
    well oh let up out off over before earlier ago last time get got much many long far often
    s t m re ve ll d don't doesn't didn't isn't wasn't won't can't hasn't haven't let's anything
    something happen happens happening happened all both such other else same own called name's bit lot
    little called know what's
    """
)
"""Words that carry no topic of their own."""

GENERIC_IN_TOOL_NAMES = _words(
    """
    get look lookup up find search fetch list show check tool query run do call api read give tell
    retrieve ask my of for the and by from to info information details data request use useful when
    """
)
"""Words in a tool's name or description that say nothing about what it is for."""

SEARCH_TOOLS = _words("search web google wikipedia retriever browse knowledge internet tavily")

NOT_PLACES = _words(
    "weather me my a an today tomorrow this now temperature forecast know see take here the it you us"
)

SYNONYMS = MappingProxyType(
    {
        word: group[0]
        for group in (
            ("favourite", "favorite", "fav", "fave", "favourit"),
            ("colour", "color"),
            ("job", "profession", "occupation", "career", "living", "trade"),
            ("like", "love", "enjoy", "adore", "prefer", "fond", "keen"),
            ("dislike", "hate", "detest", "loathe"),
            ("order", "buy", "purchase", "bought"),
            ("number", "nr", "num", "id"),
            ("email", "e-mail", "mail"),
            ("phone", "telephone", "mobile", "cell", "cellphone", "tel"),
            ("problem", "issue", "trouble", "complaint", "wrong", "matter", "fault"),
            ("break", "broken", "broke", "damage", "damaged", "defective", "faulty", "cracked"),
            ("child", "children", "kid", "kids"),
            ("wife", "spouse"),
            ("mother", "mum", "mom", "mama", "mommy", "mummy"),
            ("father", "dad", "papa", "daddy"),
            ("have", "own", "has", "possess", "keep"),
            ("want", "need", "wish", "require"),
            ("plan", "subscription", "subscribe", "membership", "tier"),
            ("car", "auto", "automobile"),
            ("film", "movie"),
            ("holiday", "vacation"),
            ("football", "soccer"),
            ("flat", "apartment"),
            ("refund", "return", "reimburse", "reimbursement"),
            ("weather", "rain", "raining", "sunny", "snow", "forecast", "temperature", "cloudy"),
            ("add", "sum", "plus", "addition"),
            ("subtract", "minus", "difference"),
            ("multiply", "times", "product", "multiplication"),
            ("divide", "division", "quotient"),
            ("calculate", "compute", "calculation", "calculator", "expression", "arithmetic"),
            ("convert", "conversion", "exchange"),
            ("price", "cost", "expensive"),
            ("stock", "availability", "available", "inventory"),
            ("company", "employer", "firm"),
            ("buddy", "friend", "mate", "pal"),
            ("study", "studied", "studying"),
            ("speak", "spoke", "spoken", "language"),
            ("say", "said"),
            ("teach", "taught", "teaching"),
            ("eat", "ate", "eaten"),
            ("drive", "drove", "driven"),
            ("pay", "paid"),
            ("go", "went", "gone"),
            ("lose", "lost"),
            ("send", "sent"),
            ("arrive", "delivery", "delivered", "deliver"),
            ("marry", "married", "marriage"),
            ("budget", "spend"),
            ("travel", "travelling", "trip"),
            ("birthday", "birth", "born", "birthdate", "dob"),
            ("address", "adress"),
            ("password", "passcode"),
            ("big", "tall", "height"),
            ("explain", "meaning", "mean", "define", "definition"),
            ("postcode", "zip", "zipcode"),
        )
        for word in group
    }
)
"""Each word to the word that stands for its group."""
