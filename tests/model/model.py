"""A model of a spool: what chatspool(7) promises, in plain Python and with nothing of the programs.

Times are milliseconds since 1970, as the injected clock shows them. A message is a row; the position of a
message orders its room. Where the manual leaves open when something happens (an expired message is deleted
"when some other message is received", a delayed one joins its room "when next a receiver looks"), the model
allows both until the spool has been seen: that is History.compare() in history.py.
"""

from dataclasses import dataclass, field

HOLD_MOST = 3600 * 1000  # back-off doubles up to an hour
HOLD = 1000  # the back-off of -F without --backoff

DONE, NONE, USAGE, BUSY, FAILED = 0, 1, 64, 75, 123  # exit statuses
LATER, NEVER, LAST = ("75", "111"), ("65", "100"), "99"  # exit statuses of a COMMAND besides 0 and 1


@dataclass(eq=False)
class Message:
    room: str
    body: bytes
    sent: int
    serial: int  # counts all messages, in the order in which they were put
    user: str = "model"
    key: str | None = None
    id: int | None = None  # None: given by the spool, and not known yet
    attempts: int = 0
    due: int | None = None  # not before this time; None: ready
    expires: int | None = None
    position: int | None = None  # None: delayed, it gets a position when it is due
    placed: int = 0  # the tick at which it got its position
    claim: "Receiver | None" = None
    kept: "Receiver | None" = None  # while it is held back: the receiver that claims it again when it returns


@dataclass(eq=False)
class Receiver:
    """A chat-recv in the background, with a COMMAND or, if it prints, without."""

    name: str
    rooms: list
    prints: bool = False
    all: bool = False
    wait: bool = False
    follow: bool = False
    count: int = 0  # 0: no limit
    parallel: int = 1
    retries: int = 0
    dead: str | None = None
    backoff: int | None = None  # milliseconds
    mark: int | None = None  # with -a: the tick of its first look; it ignores later messages
    running: list = field(default_factory=list)  # messages whose COMMAND runs
    received: int = 0
    over: bool = False  # takes no more
    last: bool = False  # a COMMAND exited with 99
    failed: bool = False
    status: int = 0
    stopped: bool = False  # has received SIGTERM
    reports: list = field(default_factory=list)  # of failed attempts, on standard error

    def exit_status(self):
        if self.status:
            return self.status
        if self.last or (self.follow and self.stopped):
            return DONE
        if self.failed:
            return FAILED
        return DONE if self.received else NONE


@dataclass(eq=False)
class Sender:
    """A chat-send -m N -w in the background: it waits for space in its room."""

    name: str
    room: str
    body: bytes
    max: int


class Spool:
    def __init__(self, now, claims_held=False):
        self.now = now
        self.claims_held = claims_held  # a held message is claimed until its receiver exits: on PostgreSQL
        self.messages = []
        self.highest = 0  # the highest id that was ever seen
        self.serial = 0
        self.next_position = 1 << 40  # a new message is behind all others, until it is seen in the spool
        self.tick = 0

    def keep(self):
        """Return a copy of the whole model, for back()."""
        return dict(self.__dict__), [(m, dict(m.__dict__)) for m in self.messages]

    def back(self, kept):
        self.__dict__.update(kept[0])
        self.messages = [m for m, _ in kept[1]]
        for m, fields in kept[1]:
            m.__dict__.update(fields)

    # ------------------------------------------------------------ looking

    def expired(self, m):
        return m.expires is not None and m.expires <= self.now

    def in_room(self, room):
        return [m for m in self.messages if m.room == room]

    def holds(self, room):
        """Return how many messages chat-send -m counts."""
        return sum(not self.expired(m) for m in self.in_room(room))

    def ready(self, room):
        """Return the messages that receivers may have, including claimed ones, oldest first."""
        line = [m for m in self.in_room(room) if m.due is None and not self.expired(m)]
        return sorted(line, key=lambda m: m.position)

    def available(self, rooms, mark=None):
        """Return the messages that a receiver can get now, the first one first."""
        return [
            m
            for room in rooms
            for m in self.ready(room)
            if m.claim is None and (mark is None or m.placed <= mark)
        ]

    def with_key(self, room, key):
        for m in sorted(self.in_room(room), key=lambda m: m.serial):
            if m.key == key and not self.expired(m):
                return m
        return None

    # ------------------------------------------------------------ time

    def place(self, m):
        self.next_position += 1
        m.position, m.placed = self.next_position, self.tick

    def look(self, room):
        """A receiver looks into the room: due messages join it, or return to their old positions."""
        due = [m for m in self.in_room(room) if m.due is not None and m.due <= self.now]
        for m in sorted(due, key=lambda m: (m.due, m.serial)):
            self.come_back(m)
            if m.position is None:
                self.place(m)

    @staticmethod
    def come_back(m):
        m.due = None
        m.claim, m.kept = m.claim or m.kept, None

    def forget_expired(self, room=None):
        self.messages = [m for m in self.messages if not self.expired(m) or room not in (None, m.room)]

    # ------------------------------------------------------------ sending

    def put(self, room, body, key=None, delay=0, expire=None, user="model"):
        self.serial += 1
        m = Message(room, body, self.now, self.serial, user=user, key=key)
        if delay > 0:
            m.due = self.now + delay
        else:
            self.place(m)
        m.expires = None if expire is None else self.now + expire
        self.messages.append(m)
        return m

    def send(self, room, bodies, key=None, once=False, replace=False, max=0, drop=False, atomic=False, **fields):
        """chat-send: return its exit status, and the messages whose ids it prints with -i."""
        before, given = list(self.messages), []
        if atomic and max and not (once or replace) and len(bodies) > max:
            return USAGE, []
        for body in bodies:
            there = self.with_key(room, key) if once else None
            if there:
                given.append(there)
                continue
            old = [m for m in self.messages if replace and m.room == room and m.key == key and m.claim is None and not self.expired(m)]
            self.messages = [m for m in self.messages if m not in old]
            if not old and not self.make_space(room, max, drop, before if atomic else self.messages):
                if atomic:
                    self.messages = before
                return BUSY, [] if atomic else given
            given.append(self.put(room, body, key, **fields))
        return DONE, given

    def make_space(self, room, max, drop, others):
        """Return whether the room has space for one more message; with DROP delete the oldest of OTHERS, if that is enough."""
        too_many = self.holds(room) + 1 - max if max else 0
        droppable = [m for m in self.ready(room) if m.claim is None and m in others] if drop else []
        if too_many > len(droppable):
            return False
        self.messages = [m for m in self.messages if too_many <= 0 or m not in droppable[:too_many]]
        return True

    # ------------------------------------------------------------ receiving without a COMMAND

    def receive(self, rooms, count=1, all=False, peek=False):
        """chat-recv without waiting: return the messages that it prints."""
        taken, mark = [], None
        if all:
            for room in rooms:
                self.look(room)
            mark, count = self.tick, len(self.messages)
        while len(taken) < count:
            found = None
            for room in rooms:
                if not all:
                    self.look(room)
                found = next((m for m in self.available([room], mark) if m not in taken), None)
                if found:
                    break
            if not found:
                break
            taken.append(found)
        if not peek:
            self.messages = [m for m in self.messages if m not in taken]
        return taken

    # ------------------------------------------------------------ receiving with one

    def begin(self, r):
        if r.all:
            for room in r.rooms:
                self.look(room)
            r.mark = self.tick
        self.refill(r)

    def can_take(self, r):
        """Return the messages that the receiver may take now. Without any, a receiver that does not wait ends."""
        if r.over or len(r.running) >= r.parallel:
            return []
        return self.available(r.rooms, r.mark)

    def refill(self, r):
        """The receiver looks for a message, because its last command has ended."""
        if r.over or len(r.running) >= r.parallel:
            return
        for room in r.rooms:
            if r.mark is None:
                self.look(room)
            if self.available([room], r.mark):
                return
        if r.all and r.wait and not r.received:
            r.mark = None
        elif not r.wait or r.all:
            r.over = True

    def claim(self, r, m):
        r.received += 1
        if r.all and r.mark is None:
            r.mark = self.tick
        r.over = r.over or (r.count and r.received >= r.count)
        if r.prints:
            self.messages.remove(m)
        else:
            m.claim = r
            r.running.append(m)

    def hold_time(self, r, m):
        hold = r.backoff if r.backoff is not None else HOLD if r.follow else 0
        return min(hold << m.attempts, max(hold, HOLD_MOST))

    def end(self, r, m, verdict):
        """The COMMAND that runs with the message has ended: "0" to "127", or "die"."""
        r.running.remove(m)
        if verdict in ("0", LAST):
            if m in self.messages:
                self.messages.remove(m)
            if verdict == LAST:
                r.last = r.over = True
        elif verdict in LATER:
            self.postpone(r, m)
        else:
            self.fail(r, m, verdict)
        self.refill(r)

    def postpone(self, r, m):
        m.claim = None
        if not r.follow:
            r.status, r.over = r.status or BUSY, True
        elif self.hold_time(r, m):
            m.due = self.now + self.hold_time(r, m)

    def fail(self, r, m, verdict):
        r.failed = True
        dead = verdict in NEVER or (r.retries and m.attempts + 1 >= r.retries)
        how = "was ended by signal 9 (Killed)" if verdict == "die" else f"failed with status {verdict}"
        moved = f"; moved to room '{r.dead or m.room + '.dead'}'" if dead else ""
        limit = f" of {r.retries}" if r.retries else ""
        r.reports.append(f"chat-recv: message {m.id} in room '{m.room}': attempt {m.attempts + 1}{limit} {how}{moved}")
        hold = 0 if dead else self.hold_time(r, m)
        m.attempts += 1
        if dead:
            m.room, m.due, m.expires, m.claim = r.dead or m.room + ".dead", None, None, None
            self.place(m)
            return
        m.due = self.now + hold if hold else None
        if r.follow:
            m.claim = None
        elif hold and not self.claims_held:
            m.claim, m.kept = None, r

    def leave(self, r):
        """The receiver has ended, and so have its claims."""
        for m in self.messages:
            if m.claim is r:
                m.claim = None
            if m.kept is r:
                m.kept = None

    # ------------------------------------------------------------ chat-spool

    def shown(self, room):
        """Return the messages in the order of chat-spool show."""
        ready = [m for m in self.in_room(room) if m.due is None]
        later = [m for m in self.in_room(room) if m.due is not None]
        return sorted(ready, key=lambda m: m.position) + sorted(later, key=lambda m: (m.due, m.serial))

    def move(self, messages, room):
        """Move the messages that no receiver has claimed; return how many."""
        moved = [m for m in messages if m.claim is None]
        for m in moved:
            m.room, m.attempts, m.kept = room, 0, None
            if m.position is not None:
                m.due = None
            if m.due is None:
                self.place(m)
        return len(moved)

    def delete(self, messages):
        deleted = [m for m in messages if m.claim is None]
        self.messages = [m for m in self.messages if m not in deleted]
        return len(deleted)

    def load(self, messages):
        """chat-spool load into a used spool: add the messages at the ends of their rooms."""
        for m in messages:
            self.serial += 1
            new = Message(m.room, m.body, m.sent, self.serial, m.user, m.key, None, m.attempts, m.due, m.expires)
            if new.due is None:
                self.place(new)
            self.messages.append(new)
