"""What all machines know of the calls, in Redis: which there are, who follows each of them, and what has been said.

A call is followed by whoever holds its lease, which runs out unless it is renewed. Redis takes words only from the
holder: a follower that was taken for dead, and wakes up, has nothing more to say.
"""

import secrets

import attrs
import orjson
from redis import Redis

from reelthyme_sync.supervise import Line

LEASE_MS = 4000
ASKED_FOR_MS = 5000
"""Before a call that waits for a free worker is put into the queue again."""
KEPT_S = 24 * 60 * 60
SEEN_S = 600

_IF_HELD = """
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
for _, command in ipairs(cjson.decode(ARGV[2])) do redis.call(unpack(command)) end
return 1
"""


class Lost(Exception):
    """The lease has run out: somebody else follows the call, or will."""


class Switchboard:
    """One for each process. Any thread."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def take(self, event_id: str) -> bool:
        """Whether a webhook comes for the first time."""
        return bool(self._redis.set(f"webhook:{event_id}", 1, nx=True, ex=SEEN_S))

    def forget(self, event_id: str) -> None:
        """Take a webhook again when it comes again."""
        self._redis.delete(f"webhook:{event_id}")

    def add(self, call_id: str) -> None:
        """A call that is to be followed until it ends."""
        self._redis.sadd("calls", call_id)

    def knows(self, call_id: str) -> bool:
        """Whether there is, or was, such a call."""
        return bool(self._redis.sismember("calls", call_id) or self._redis.exists(f"words:{call_id}"))

    def unattended(self) -> list[str]:
        """Calls that nobody follows, each told to one of those who ask: it is for him to queue it."""
        calls = [member.decode() for member in self._redis.smembers("calls")]
        free = [call_id for call_id in calls if not self._redis.exists(f"lease:{call_id}")]
        return [call_id for call_id in free if self._redis.set(f"asked:{call_id}", 1, nx=True, px=ASKED_FOR_MS)]

    def read(self, call_id: str, after: str = "0", wait_ms: int | None = None) -> list[tuple[str, bytes]]:
        """Messages for readers, each with its number; waits for the first if there is none."""
        found = self._redis.xread({f"words:{call_id}": after}, block=wait_ms)
        return [(number.decode(), fields[b"message"]) for _, entries in found or [] for number, fields in entries]

    def lines(self, call_id: str) -> dict[str, Line]:
        """What has been said so far: the latest line of each item."""
        messages = [orjson.loads(message) for _, message in self.read(call_id)]
        return {each["item_id"]: Line(**each) for each in messages if each.pop("kind") == "line"}

    def lease(self, call_id: str) -> "Lease | None":
        """The right to follow a call; None while somebody else has it."""
        token = secrets.token_hex(8)
        taken = self._redis.set(f"lease:{call_id}", token, nx=True, px=LEASE_MS)
        return Lease(self._redis, call_id, token) if taken else None


class Lease:
    """The right to follow one call. Every method raises ``Lost`` when it has run out."""

    def __init__(self, redis: Redis, call_id: str, token: str) -> None:
        self.token = token
        self._redis = redis
        self._call_id = call_id
        self._lease, self._asked, self._words = (f"{kind}:{call_id}" for kind in ("lease", "asked", "words"))

    def renew(self) -> None:
        """Hold it for another while."""
        self._do(["pexpire", self._lease, LEASE_MS])

    def guard(self, event: object) -> object:
        """A hook for ``connect(outgoing=…)``: only the holder says anything to the service, answers of tools included.

        Between the look and the sending a follower can still stand still: the service knows no leases.
        """
        self.renew()
        return event

    def write(self, line: Line) -> None:
        """Tell readers of a line."""
        self._do(self._told(kind="line", **attrs.asdict(line)), ["expire", self._words, KEPT_S])

    def end(self, why: str) -> None:
        """The call is over."""
        self._do(self._told(kind="ended", why=why), ["srem", "calls", self._call_id], ["del", self._lease])

    def release(self) -> None:
        """Let somebody else follow the call, at once."""
        self._do(["del", self._lease, self._asked])

    def _told(self, **message: object) -> list[str]:
        return ["xadd", self._words, "*", "message", orjson.dumps(message).decode()]

    def _do(self, *commands: list) -> None:
        if not self._redis.eval(_IF_HELD, 1, self._lease, self.token, orjson.dumps(commands)):
            raise Lost(f"the lease of {self._call_id} has run out")
