"""Chat models by name: `load_model` gives OpenAI's, a local server's, or the offline model."""

from threads.chat_models.loader import ModelUnavailable, load_model

__all__ = ["ModelUnavailable", "load_model"]
