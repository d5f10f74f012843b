from agent.graph import build_agent as build_agent
from agent.models import ModelUnavailable as ModelUnavailable
from agent.models import load_model as load_model
