"""Calls of browsers and telephones, followed in the background of a web server: so many at most, each on its thread.

    supervisor = Supervisor()
    call = supervisor.follow(call_id, converse, api_key=client_secret)  # converse(session) runs on a thread of its own

``Feed`` carries what is said on a call to whoever reads along; ``event_stream`` puts it into the form that a browser's
``EventSource`` reads.
"""

from ..errors import AlreadyFollowed, TooManyCalls
from .event_stream import event_stream
from .feed import Feed, News
from .followed_call import FollowedCall
from .line import Line
from .supervisor import Supervisor

__all__ = ["AlreadyFollowed", "Feed", "FollowedCall", "Line", "News", "Supervisor", "TooManyCalls", "event_stream"]
