"""LangGraph agents: a model, its tools, and the memory they share with nobody."""
