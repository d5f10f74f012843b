"""An agent that asks twice before it pays, and whose API fails."""

from graphs import Plain, compiled
from langchain_core.messages import AIMessage
from langgraph.types import interrupt

FIRST, SECOND = "Pay 10 EUR?", "It is 10,000 EUR. Really?"


class Bank:
    """Asks twice before it pays; its API fails between the two as often as `failures` says."""

    def __init__(self, failures=1):
        self.failures = failures
        self.paid = []

    def pay(self):
        amount = interrupt(FIRST)
        if self.failures:
            self.failures -= 1
            raise ConnectionError("bank API timed out")
        self.paid.append((amount, interrupt(SECOND)))
        return f"paid: {self.paid[-1]}"

    def node(self, state):
        return {"messages": [AIMessage(self.pay())]}


def in_a_node(bank):
    return compiled(Plain, bank.node, None)
