"""The tools of the catalog's agents: small, offline, and the same for every user.

A tool does not know the user, so nothing personal can be in its data: an order number leads to what
was ordered and where it is, never to a name or an address. All data is constant; a tool that kept something
between calls would be a second, hidden memory shared by every thread. An unknown number is answered
in words, not with an exception, for the model to pass on.
"""

from collections.abc import Mapping
from types import MappingProxyType

from langchain_core.tools import tool

from threads.chat_models.arithmetic import NotASum, value_of_sum

ORDERS: Mapping[str, str] = MappingProxyType(
    {
        "1001": "has been shipped: one blue desk lamp, with ParcelFox, expected on Thursday",
        "1002": "is being packed: two notebooks and a pen, to be handed to ParcelFox tomorrow",
        "1003": "was delivered: one pair of headphones, left at the pick-up point",
        "1004": "was cancelled: one office chair; the refund is on its way",
        "4711": "is delayed at the carrier: one coffee grinder, with SlowBoat Freight, expected next week",
    }
)
SUBSCRIPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "S-100": "is on the Basic plan and renews monthly, next on the 1st",
        "S-200": "is on the Pro plan and renews yearly, next on 15 March",
        "S-300": "is on the Team plan with five seats and is paused",
    }
)
PLANS: Mapping[str, str] = MappingProxyType(
    {
        "Basic": "5 euros a month, one device",
        "Pro": "12 euros a month, five devices and priority support",
        "Team": "9 euros a month for each seat, from three seats",
    }
)
GLOSSARY: Mapping[str, str] = MappingProxyType(
    {
        "thread": "A thread is one conversation with its own memory. Its thread_id in the config keeps "
        "it apart from every other.",
        "thread_id": "The thread_id is the value under config['configurable'] that says which thread's "
        "checkpoints a run reads and writes.",
        "checkpoint": "A checkpoint is a snapshot of a graph's state, saved after every step of a run.",
        "checkpointer": "A checkpointer is what saves and loads checkpoints, in memory or in a "
        "database. A graph compiled without one forgets.",
        "state": "The state is what a graph's nodes read and update: a set of channels such as messages.",
        "reducer": "A reducer says how an update joins the state, for example appending new messages "
        "to the old instead of replacing them.",
        "node": "A node is a function of a graph: it reads the state and returns an update.",
        "edge": "An edge says which node comes next, always or on a condition.",
        "graph": "A graph is nodes and edges over a shared state, compiled into something that can be "
        "invoked and streamed.",
        "run": "A run is one input let through the graph, from its first node until it stops.",
        "interrupt": "An interrupt pauses a run so that a person can look; it continues from its "
        "checkpoint when resumed.",
        "tool": "A tool is a function the model may ask to have called, described to it by name, "
        "docstring and arguments.",
        "store": "A store is long-term memory that is shared between threads, unlike a checkpointer.",
    }
)


@tool
def look_up_order(order_number: str) -> str:
    """Look up the status of an order: the items, the carrier, shipping, tracking and expected delivery."""
    number = order_number.strip().lstrip("#")
    found = ORDERS.get(number)
    return f"Order {number} {found}." if found else f"There is no order {number[:40]}."


@tool
def look_up_subscription(subscription_number: str) -> str:
    """Look up a subscription: its plan and when it renews."""
    number = subscription_number.strip().upper()
    found = SUBSCRIPTIONS.get(number)
    return f"Subscription {number} {found}." if found else f"There is no subscription {number[:40]}."


@tool
def list_plans() -> str:
    """List the plans that can be subscribed to, with their price."""
    return "These are the plans: " + "; ".join(f"{name}, {offer}" for name, offer in PLANS.items()) + "."


@tool
def refund_policy() -> str:
    """Say how a refund works: returning an item, getting money back."""
    return (
        "Anything can be returned within 30 days. The refund reaches the same account within five "
        "working days."
    )


@tool
def explain_term(term: str) -> str:
    """Explain a LangGraph word.

    The words are thread, thread_id, checkpoint, checkpointer, state, reducer, node, edge, graph, run,
    interrupt, tool and store.
    """
    word = term.strip().lower()
    found = GLOSSARY.get(word) or GLOSSARY.get(word.replace(" ", "_")) or GLOSSARY.get(word.removesuffix("s"))
    return found or f"I have no explanation for {word[:40]!r}. I know: {', '.join(GLOSSARY)}."


@tool
def calculate(expression: str) -> str:
    """Calculate a sum of numbers with + - * / ** and brackets."""
    try:
        return f"{expression.strip()} = {value_of_sum(expression)}"
    except NotASum:
        return "That is not a sum I can work out."
    except ZeroDivisionError:
        return "That would divide by zero."
