"""What all machines know of the calls, in Redis: which there are, who follows each of them, and what has been said.

A call is followed by whoever holds its lease, which runs out unless it is renewed. Redis takes words only from the
holder: a follower that was taken for dead, and wakes up, has nothing more to say.
"""

import os
import secrets

import attrs
import orjson
from redis import Redis

from reelthyme_sync.supervise import Line

LEASE_MS = 4_000

redis = Redis.from_url(os.environ["REDIS_URL"], socket_timeout=5, decode_responses=True)

_IF_HELD = """
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
for _, command in ipairs(cjson.decode(ARGV[2])) do redis.call(unpack(command)) end
return 1"""


class Lost(Exception):
    """The lease has run out: somebody else follows the call, or will."""


@attrs.frozen
class Lease:
    """The right to follow one call. Every method raises ``Lost`` when it has run out."""

    _call_id: str
    token: str = attrs.field(factory=lambda: secrets.token_hex(8))

    def renew(self, event: object = None) -> object:
        """Hold it for another while.

        As a hook for ``connect(outgoing=…)`` it lets only the holder say anything to the service, answers of tools
        included. Between the look and the sending a follower can still stand still: the service knows no leases.
        """
        self._do(["pexpire", f"lease:{self._call_id}", LEASE_MS])
        return event

    def write(self, line: Line) -> None:
        """Tell readers of a line."""
        self._tell({"kind": "line", **attrs.asdict(line)})

    def end(self, why: str) -> None:
        """The call is over."""
        self._tell({"kind": "ended", "why": why}, ["srem", "calls", self._call_id], ["del", f"lease:{self._call_id}"])

    def release(self) -> None:
        """Let somebody else follow the call, at once."""
        self._do(["del", f"lease:{self._call_id}"])

    def _tell(self, message: dict, *commands: list) -> None:
        words, text = f"words:{self._call_id}", orjson.dumps(message).decode()
        self._do(["xadd", words, "*", "message", text], ["expire", words, 24 * 60 * 60], *commands)

    def _do(self, *commands: list) -> None:
        if not redis.eval(_IF_HELD, 1, f"lease:{self._call_id}", self.token, orjson.dumps(commands)):
            raise Lost(f"the lease of {self._call_id} has run out")


def add(call_id: str) -> None:
    """A call that is to be answered, and followed until it ends. One that has ended is none any more."""
    if not redis.exists(f"words:{call_id}"):
        redis.sadd("calls", call_id)


def goes_on(call_id: str) -> bool:
    """Whether there is such a call, and it has not ended."""
    return bool(redis.sismember("calls", call_id))


def calls() -> set[str]:
    """All that go on."""
    return redis.smembers("calls")


def read(call_id: str, after: str = "0", wait_ms: int | None = None) -> list[tuple[str, str]]:
    """Messages for readers, each with its number; waits for the first if there is none."""
    found = redis.xread({f"words:{call_id}": after}, block=wait_ms)
    return [(number, fields["message"]) for _, entries in found or [] for number, fields in entries]


def lines(call_id: str) -> dict[str, Line]:
    """What has been said so far: the latest line of each item."""
    messages = [orjson.loads(message) for _, message in read(call_id)]
    return {each["item_id"]: Line(**each) for each in messages if each.pop("kind") == "line"}


def lease(call_id: str) -> Lease | None:
    """The right to follow a call; None while somebody else has it, and when the call has ended."""
    lease = Lease(call_id)
    taken = redis.set(f"lease:{call_id}", lease.token, nx=True, px=LEASE_MS)
    return lease if taken and goes_on(call_id) else None
