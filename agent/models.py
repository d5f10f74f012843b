"""`load_model`, under the name that copies of the exercises import it by."""

from threads.chat_models import ModelUnavailable, load_model

__all__ = ["ModelUnavailable", "load_model"]
