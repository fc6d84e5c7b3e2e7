"""What the model answered, whole: the words, the sound, the calls and the usage of each response. Pure.

reply          the value
under_way      a response, as far as it has come
book           every event passes it, and it gives a reply for each response that is done
"""

from .book import ReplyBook
from .reply import Reply

__all__ = ["Reply", "ReplyBook"]
