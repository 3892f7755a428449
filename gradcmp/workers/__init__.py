"""The process side: start frameworks, hand work over, time out, restart.

Importing this package imports no NumPy, so that frameworks can begin to load first.
"""

from gradcmp.workers.pool import Pool
from gradcmp.workers.records import CodeRequest, Environment, Event, Request, Requests

__all__ = ["CodeRequest", "Environment", "Event", "Pool", "Request", "Requests"]
