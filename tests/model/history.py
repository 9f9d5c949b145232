"""A history: steps, a line each, that are done with the real programs and with the model.

    send a lines=3 max=2 drop          chat-send -l -r a -m 2 --drop, of three new messages
    take a,b all peek                  chat-recv -a -p -r a -r b
    work a parallel=2 retries=2 say=0,1
                                       chat-recv -r a -P 2 --tries 2 -- COMMAND in the background; the first
                                       COMMANDs exit with 0 and 1, later ones run until "answer"
    answer 0 75                        the COMMAND with the oldest message exits with 75
    clock 30                           it is half a minute later

After each step all of the spool is compared with the model. A step that cannot be done is skipped.
"""

import base64
import json
import os
import time
from datetime import datetime, timezone

from model import BUSY, DONE, NONE, Message, Receiver, Sender, Spool
from programs import EPOCH, PATIENCE, Wrong, peer, wait_for

# Known faults that are being repaired, which the model ignores until then. Normally empty.
OVERLOOKED = set()

SIZES = {"short": 0, "page": 5000, "large": 70000}


def iso(milliseconds):
    if milliseconds is None:
        return None
    time = datetime.fromtimestamp(milliseconds // 1000, timezone.utc)
    return f"{time:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"


def parse(line):
    """Return the words of a step, and its options."""
    words, options = [], {}
    for word in line.split():
        name, equals, value = word.partition("=")
        if equals:
            options[name] = value
        else:
            words.append(word)
    return words[0], words[1:], options


def need(right, what, *seen):
    if not right:
        raise Wrong(" ".join([what, *map(repr, seen)]))


def body_of(record):
    if "body" in record:
        return record["body"].encode()
    return base64.b64decode(record["body_base64"])


class Command:
    """A command that runs for a receiver, and waits for its exit status."""

    def __init__(self, receiver, message, connection):
        self.receiver, self.message, self.connection = receiver, message, connection

    def say(self, verdict):
        """Let it end, and wait until it has ended: only then is its receiver known to sleep after it."""
        ended = peer(self.connection)
        self.connection.sendall(b"die\n" if verdict == "die" else f"exit {verdict}\n".encode())
        need(wait_for(ended), f"the COMMAND with message {self.message.id} does not end")
        self.connection.close()


class History:
    def __init__(self, world):
        self.world = world
        self.model = Spool(EPOCH, claims_held=bool(world.store))
        self.receivers, self.senders, self.commands, self.scripts = {}, {}, [], {}
        self.passed_over = []  # messages older than one that a receiver took
        self.saved = None  # the last backup: the file, and its messages
        self.count = 0
        self.did = []

    # ------------------------------------------------------------ all of it

    def run(self, lines):
        for line in lines:
            self.step(line)
        self.finish()

    def step(self, line):
        name, words, options = parse(line)
        self.floor = self.model.highest  # messages of this step have higher ids
        candidates = getattr(self, f"do_{name}")(*words, **{key.replace("-", "_"): value for key, value in options.items()})
        if candidates is PASSED:
            return
        self.did.append(line)
        self.settle()
        self.observe(candidates or [lambda: None])

    def finish(self):
        """End all processes, and receive the remaining messages."""
        for number in range(len(self.commands)):
            self.step("answer 0 0")
        for name in list(self.receivers):
            self.step("stop 0 kill")
        for name in list(self.senders):
            self.end_sender(name)
        for room in sorted({m.room for m in self.model.messages}):
            self.step(f"take {room} all json")

    # ------------------------------------------------------------ sending

    def new_body(self, size="short"):
        self.count += 1
        return f"message {self.count}".encode() + b"." * SIZES[size]

    def do_send(self, room, *flags, lines=0, delay=0, expire=None, key=None, max=0, size="short", kill=0):
        lines, delay, max, kill = int(lines), int(delay), int(max), int(kill)
        atomic = bool(lines) and "atomic" in flags
        if self.world.store and expire == "0":
            return PASSED  # by the server's clock it is later
        if lines and size == "large" and (key or max) and any(room in r.rooms for r in self.receivers.values()):
            return PASSED  # more than a pipe holds: a receiver may get the first line before the second is read
        bodies = [self.new_body(size) for _ in range(lines or 1)]
        if size == "binary" or (not lines and "binary" in flags):
            bodies = [bodies[0] + b"\0\xff\n"]
        arguments = ["-i", "-r", room, "-u", "model"]
        arguments += ["-d", delay] if delay else []
        arguments += ["-x", expire] if expire is not None else []
        arguments += ["-k", key] if key else []
        replace = bool(key) and "replace" in flags
        arguments += ["--replace"] if replace else []
        arguments += ["-m", max] if max else []
        arguments += ["--drop"] if max and "drop" in flags else []
        if "wait" in flags and max and not (lines or delay or expire or key or "drop" in flags):
            return self.start_sender(room, bodies[0], max, arguments)
        if lines and "json" in flags:
            arguments += ["-J"]
            input = b"".join(json.dumps({"room": "elsewhere", "body": b.decode()}).encode() + b"\n" for b in bodies)
        elif lines:
            arguments += ["-l"]
            input = b"".join(b + b"\n" for b in bodies)
        else:
            input = bodies[0]
        arguments += ["-1"] if atomic else []
        terms = {"key": key, "once": bool(key) and not replace, "replace": replace, "max": max, "drop": "drop" in flags, "atomic": atomic, "delay": delay * 1000}
        terms["expire"] = None if expire is None else int(expire) * 1000
        kill = 0 if self.waiting() else kill
        status, out, err = self.world.run("send", *arguments, input=input, kill=kill)
        if status == 137 and kill:
            parts = [bodies] if atomic or not lines else [bodies[:n] for n in range(len(bodies), 0, -1)]
            return [lambda: None] + [lambda part=part: self.model.send(room, part, **terms) for part in parts]
        expected, given = self.model.send(room, bodies, **terms)
        need(status == expected, "chat-send exits with", status, err, "not", expected)
        need((err == "") == (status == DONE), "chat-send reports", err)
        ids = [int(line) for line in out.split()]
        need(len(ids) == len(given), "chat-send prints ids", ids, "for", len(given))
        for id, m in zip(ids, given):
            self.learn_id(m, id)

    def learn_id(self, m, id):
        if m.id is None:
            given = id <= self.floor or any(other.id == id for other in self.model.messages)
            need(not given, "an id was given again:", id, "after", self.floor)
            m.id = id
            self.model.highest = max(self.model.highest, id)
        need(m.id == id, "the id is", id, "not", m.id)

    def start_sender(self, room, body, max, arguments):
        if any(s.room == room for s in self.senders.values()):
            return PASSED  # which of two comes first is random
        name = f"S{self.count}"
        self.senders[name] = Sender(name, room, body, max)
        self.world.start(name, "send", *arguments, "-w", "--", body.decode())

    def end_sender(self, name):
        self.world.signal(name, 9)
        self.world.reap(name)
        del self.senders[name]

    def sender_sent(self, name):
        sender = self.senders.pop(name)
        status, given = self.model.send(sender.room, [sender.body], max=sender.max)
        need(status == DONE, "a chat-send -w did not wait for space in", sender.room)
        self.sent_by = {**getattr(self, "sent_by", {}), name: given[0]}
        return given[0]

    # ------------------------------------------------------------ receiving

    @staticmethod
    def no_messages(rooms):
        names = ", ".join(f"'{room}'" for room in rooms)
        return f"chat-recv: No new messages in room{'s' if len(rooms) > 1 else ''} {names}\n"

    def do_take(self, rooms, *flags, count=1, kill=0):
        rooms, count, kill = rooms.split(","), int(count), int(kill)
        everything, peek, kill = "all" in flags, "peek" in flags, 0 if self.waiting() else int(kill)
        arguments = [word for room in rooms for word in ("-r", room)]
        arguments += ["-a"] if everything else ["-c", count] if count > 1 else []
        arguments += (["-p"] if peek else []) + (["-j"] if "json" in flags else [])
        kept = self.model.keep()
        taken = self.model.receive(rooms, count, everything, peek)
        if "brief" in flags and (peek or taken):
            arguments += ["-t", "0.02"]
        status, out, err = self.world.run("recv", *arguments, kill=kill)
        if status == 137 and kill:
            self.model.back(kept)
            return [lambda n=n: self.take_killed(taken[:n], out, "json" in flags) for n in range(len(taken) + 1)]
        need(status == (DONE if taken else NONE), "chat-recv exits with", status, err, "not", DONE if taken else NONE)
        need(err == ("" if taken else self.no_messages(rooms)), "chat-recv reports", err)
        if "json" in flags:
            seen = [json.loads(line) for line in out.splitlines()]
            need([r["id"] for r in seen] == [m.id for m in taken], "received", out, "not", [(m.id, m.body[:12]) for m in taken])
            for record, m in zip(seen, taken):
                self.compare_record(record, m)
        else:
            need(out == b"".join(self.plain(m) for m in taken), "received", out[:200], "not", [m.body[:12] for m in taken])

    @staticmethod
    def plain(m):
        return m.body if m.body.endswith(b"\n") else m.body + b"\n"

    def take_killed(self, gone, out, as_json):
        """After a kill: every message that has left the spool was written completely."""
        for m in gone:
            written = f'"id":{m.id},' .encode() in out if as_json else self.plain(m) in out
            need(written, "killed, a message is lost:", m.id, m.body[:12], out)
        self.model.messages = [m for m in self.model.messages if m not in gone]

    def compare_record(self, record, m):
        """Return a message in the form of chat-recv -j, dump and COMMAND."""
        expected = {"room": m.room, "user": m.user, "time": iso(m.sent), "attempts": m.attempts, "key": m.key}
        for name, value in expected.items():
            need(record[name] == value, f"{name} of message {m.id} is", record[name], "not", value)
        need(body_of(record) == m.body, f"the body of message {m.id} is", body_of(record)[:50], "not", m.body[:50])

    def do_norun(self, room):
        """Receive with a COMMAND that does not exist."""
        self.model.look(room)
        status, out, err = self.world.run("recv", "-r", room, "--", "/nowhere/command")
        expected = 127 if self.model.available([room]) else NONE
        need((status, out) == (expected, b""), "chat-recv exits with", status, err, "not", expected)

    def do_work(self, rooms, *flags, count=0, parallel=1, retries=0, dead=None, backoff=None, say=""):
        rooms = rooms.split(",")
        if len(self.receivers) >= 4 or dead in rooms:
            return PASSED
        self.count += 1
        name = f"R{self.count}"
        arguments = [word for room in rooms for word in ("-r", room)]
        r = Receiver(name, rooms, prints="print" in flags, follow="follow" in flags)
        r.wait = r.follow or "wait" in flags or r.prints
        r.all = "all" in flags and not r.follow
        r.count = 0 if r.all or r.follow else int(count) or 1
        arguments += ["-F"] if r.follow else ["-w"] if r.wait else []
        arguments += ["-a"] if r.all else ["-c", r.count] if r.count > 1 else []
        if r.prints:
            arguments += ["-j"]
            r.all, r.parallel = False, 1
            if "all" in flags:
                return PASSED
        else:
            r.parallel, r.retries, r.dead = int(parallel), int(retries), dead
            r.backoff = None if backoff is None else int(backoff) * 1000
            arguments += ["-P", parallel] if r.parallel > 1 else []
            arguments += ["--tries", retries] if r.retries else []
            arguments += ["--dead", dead] if dead else []
            arguments += ["--backoff", backoff] if backoff is not None else []
            arguments += self.world.gate(name)
        self.receivers[name] = r
        self.scripts[name] = say.split(",") if say else []
        self.model.begin(r)
        self.world.start(name, "recv", *arguments)

    def do_answer(self, number, verdict):
        if not self.commands:
            return PASSED
        self.oldest_command(self.commands, int(number)).say(verdict)
        self.ended(self.oldest_command(self.commands, int(number)), verdict)

    @staticmethod
    def oldest_command(commands, number=0):
        return sorted(commands, key=lambda c: c.message.serial)[number % len(commands)]

    def ended(self, command, verdict):
        self.commands.remove(command)
        self.model.end(command.receiver, command.message, verdict)

    def do_stop(self, number, how):
        if not self.receivers:
            return PASSED
        name = list(self.receivers)[int(number) % len(self.receivers)]
        r = self.receivers[name]
        if how == "kill":
            return self.kill(name)
        if r.stopped:
            return PASSED
        r.stopped = r.over = True
        if r.prints and not r.follow:
            r.status = -15
        self.world.signal(name, 15)

    def kill(self, name):
        r = self.receivers.pop(name)
        self.world.signal(name, 9)
        status, out, err = self.world.reap(name)
        need(status == -9, "killed, chat-recv exits with", status, err)
        self.model.leave(r)
        for command in [c for c in self.commands if c.receiver is r]:
            command.connection.close()
            self.commands.remove(command)

    # ------------------------------------------------------------ time

    def waiting(self):
        """Return the receivers and senders that sleep until something happens."""
        return [
            name for name, r in self.receivers.items() if not r.over and len(r.running) < r.parallel
        ] + list(self.senders)

    def do_clock(self, seconds):
        """Set the clock. Waiting processes may notice that late, so they end first."""
        while self.waiting():
            name = self.waiting()[0]
            if name in self.senders:
                self.end_sender(name)
            else:
                self.kill(name)
            self.settle()  # its claims may wake the next receiver
        self.model.now += int(seconds) * 1000
        self.world.set_clock(self.model.now)

    # ------------------------------------------------------------ chat-spool

    def pick(self, number):
        """Choose an existing message."""
        messages = sorted(self.model.messages, key=lambda m: m.serial)
        return messages[int(number) % len(messages)] if messages else None

    def spool(self, *arguments, input=b"", kill=0):
        return self.world.run("spool", *arguments, input=input, kill=kill)

    def change(self, verb, messages, arguments, change, by_id, kill):
        """chat-spool move or delete, of MESSAGES; CHANGE does it to the model, and returns how many."""
        kill = 0 if self.waiting() else int(kill)
        status, out, err = self.spool(*arguments, kill=kill)
        if status == 137 and kill:
            return [lambda: None, change]
        claimed = any(m.claim for m in messages)
        n = change()
        self.woken()
        text = f"{n} message{'' if n == 1 else 's'} {verb}\n".encode() if n else b""
        expected = DONE if n else BUSY if by_id and claimed else NONE
        need(status == expected, f"{verb}: chat-spool exits with", status, err, "not", expected)
        need(out == text, f"{verb}: chat-spool prints", out, "not", text)

    def do_move(self, what, to, kill=0):
        if what.isdigit():
            m = self.pick(what)
            if not m:
                return PASSED
            return self.change("moved", [m], ["move", "-i", m.id, to], lambda: self.model.move([m], to), True, kill)
        if what == to:
            return PASSED
        shown = self.model.shown(what)
        return self.change("moved", shown, ["move", what, to], lambda: self.model.move(shown, to), False, kill)

    def do_delete(self, what, kill=0):
        if what.isdigit():
            m = self.pick(what)
            if not m:
                return PASSED
            return self.change("deleted", [m], ["delete", "-y", "-i", m.id], lambda: self.model.delete([m]), True, kill)
        shown = self.model.shown(what)
        return self.change("deleted", shown, ["delete", "-y", what], lambda: self.model.delete(shown), False, kill)

    def quietly(self, *arguments, kill=0, **options):
        """A command of chat-spool that has nothing to report. False: it was killed."""
        status, out, err = self.spool(*arguments, kill=int(kill), **options)
        if status == 137 and kill:
            return False
        need((status, out, err) == (DONE, b"", ""), f"chat-spool {arguments[0]}:", status, out, err)
        return True

    def do_repair(self, kill=0):
        """Repair a sound spool, which must not change."""
        if self.exists():
            self.quietly("check", "--repair", "-q", kill=kill)

    def do_compact(self, kill=0):
        if self.exists() and not self.waiting() and self.quietly("compact", "-q", kill=kill):
            self.model.messages = [m for m in self.model.messages if m.claim or not self.model.expired(m)]

    def do_backup(self, *flags, kill=0):
        """Make a backup, and with "use" continue with it as the spool."""
        if self.world.store or not self.exists():
            return PASSED
        file = f"{self.world.place}/backup{self.world.spool_count}-{self.count}-{len(self.did)}.db"
        if not self.quietly("backup", "-q", "-y", file, kill=kill):
            return None
        mine, other = self.spool("dump"), self.spool("dump", "-s", file)
        need(mine == other, "the backup has", other, "not", mine)
        self.saved = file, self.model.keep()[1]
        if "use" in flags and not self.world.processes:
            self.world.use(file)
            self.saved = None  # messages sent from now on change that file

    def do_restore(self, kill=0):
        """The last backup replaces all messages. A message that was received since is received once more."""
        if not self.saved or any(m.claim or m.kept for m in self.model.messages) or self.world.spool == self.saved[0]:
            return PASSED
        file, kept = self.saved

        def restore():
            self.model.messages = [Message(**{**fields, "claim": None, "kept": None}) for _, fields in kept]
            self.woken()

        kill = 0 if self.waiting() else kill
        if not self.quietly("restore", "-q", "-y", file, kill=kill):
            return [lambda: None, restore]
        restore()

    def do_renew(self, how, kill=0):
        """Move all messages to a new spool, by dump and load or by copy, and continue with it."""
        if self.world.processes or not self.exists():
            return PASSED
        old = self.world.spool
        status, lines, err = self.spool("dump", "-q")
        need((status, err) == (DONE, ""), "dump:", status, err)
        self.world.open_spool()
        if how == "copy":
            done = self.quietly("copy", "-q", old, self.world.spool, kill=kill)
        else:
            done = self.quietly("load", "-q", kill=kill, input=lines)
        if not done:
            self.world.use(old)

    def do_again(self, room, kill=0):
        """Load the messages of a room into the spool that contains them."""
        messages = self.model.shown(room)
        if not 0 < len(messages) <= 4:
            return PASSED
        status, lines, err = self.spool("dump", "-q", room)
        need((status, err) == (DONE, ""), "dump:", status, err)
        kill = 0 if self.waiting() else kill
        if self.quietly("load", "-q", kill=kill, input=lines):
            self.model.load(messages)
            self.woken()
        else:
            return [lambda: None, lambda: self.model.load(messages)]

    def woken(self):
        """Waiting receivers look at new and due messages."""
        for name in self.waiting():
            for room in self.receivers[name].rooms if name in self.receivers else []:
                self.model.look(room)

    def exists(self):
        return self.world.store or os.path.exists(self.world.spool)

    # ------------------------------------------------------------ what happens in the background

    def expected(self):
        """Return an event that must still happen by itself, for an error; or None."""
        for name, r in self.receivers.items():
            if r.over and not r.running:
                return f"{name} has to exit with {r.exit_status()}"
            if self.model.can_take(r):
                return f"{name} has to receive message {self.model.can_take(r)[0].id}"
        for name, s in self.senders.items():
            if self.model.holds(s.room) < s.max:
                return f"{name} has to send to {s.room}"
        return None

    def settle(self):
        """Wait until nothing more happens by itself."""
        self.passed_over = []
        while True:
            expected = self.expected()
            happened = self.world.wait(PATIENCE if expected else 0)
            need(happened or not expected, str(expected), "and does not")
            for what in happened:
                if what == "gate":
                    self.command_started()
                elif what in self.world.processes:
                    if what in self.senders:
                        self.hear_receivers()
                    self.process_spoke(what)
            if happened:
                continue
            self.world.asleep()
            if self.world.wait(0):
                continue
            scripted = [c for c in self.commands if self.scripts[c.receiver.name]]
            if not scripted:
                break
            command = self.oldest_command(scripted)
            verdict = self.scripts[command.receiver.name].pop(0)
            command.say(verdict)
            self.ended(command, verdict)
        for m, passed_by, rooms in self.passed_over:
            need(m not in self.model.available(rooms), "passed by another message:", m.id, passed_by.id)

    def received(self, r, id, body):
        """Check that the receiver may have this message."""
        found = [m for m in self.model.messages if m.id == id]
        # Several loaded messages may have the same body: they are received in order.
        found = found or [m for m in self.model.can_take(r) if m.id is None and m.body == body]
        if not found:
            for name, s in list(self.senders.items()):
                if s.body == body:
                    found = [self.sender_sent(name)]
        need(found, f"{r.name} received a message that is not there:", id, body[:50])
        m = found[0]
        self.learn_id(m, id)
        available = self.model.can_take(r)
        need(m in available, f"{r.name} received a message that it may not have:", id, body[:50])
        # Commands that began at the same time report in any order.
        self.passed_over = [passed for passed in self.passed_over if passed[0] is not m]
        self.passed_over += [(other, m, r.rooms) for other in available[: available.index(m)]]
        self.model.claim(r, m)
        self.model.refill(r)
        return m

    def command_started(self):
        connection, (name, id, room, user, attempt, time, _), body = self.world.answered()
        need(name in self.receivers, "a COMMAND of a dead receiver", name, id)
        m = self.received(self.receivers[name], int(id), body)
        fields = {"room": room, "user": user, "attempts": int(attempt) - 1, "time": time, "key": m.key}
        self.compare_record({**fields, "body_base64": base64.b64encode(body)}, m)
        self.commands.append(Command(self.receivers[name], m, connection))

    def hear_receivers(self):
        """A receiver that has made space for a sender printed its message before."""
        for name in list(self.receivers):
            if self.world.processes[name].has_written():
                self.process_spoke(name)

    def process_spoke(self, name):
        process = self.world.processes[name]
        ended = process.popen.poll() is not None
        text = process.output()
        if name in self.receivers:
            for line in text.splitlines():
                record = json.loads(line)
                self.compare_record(record, self.received(self.receivers[name], record["id"], body_of(record)))
        elif text:
            if name in self.senders:
                self.sender_sent(name)
            self.learn_id(self.sent_by[name], int(text))
        if ended:
            status, _, err = self.world.reap(name)
            self.process_ended(name, status, err)

    def process_ended(self, name, status, err):
        need(name not in self.senders, f"{name} ended:", status, err)
        if name not in self.receivers:
            need((status, err) == (DONE, ""), f"{name} exits with", status, err)
            return
        r = self.receivers.pop(name)
        need(r.over and not r.running, f"{name} ended early:", status, err)
        need(status == r.exit_status(), f"{name} exits with", status, err, "not", r.exit_status())
        expected = "".join(f"{line}\n" for line in r.reports) + (self.no_messages(r.rooms) if status == NONE else "")
        # Commands that end at the same time are reported in any order.
        need(sorted(err.splitlines()) == sorted(expected.splitlines()), f"{name} reports", err, "not", expected)
        self.model.leave(r)

    # ------------------------------------------------------------ comparing the spool with the model

    def observe(self, candidates):
        """The spool must equal the model after one of the CANDIDATES. After a kill there is more than one."""
        end = time.monotonic() + (5 if self.world.store else 1)
        while True:
            try:
                self.compare_any(candidates)
                candidates = [lambda: None]
                self.compare_rooms()
                self.check()
                return
            except Wrong:
                # The last action of a background process may not be visible yet.
                if not self.world.processes and not self.world.store or time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def compare_any(self, candidates):
        status, out, err = self.spool("dump", "-q")
        if status == NONE and not self.exists():
            out = b""
        else:
            need((status, err) == (DONE, ""), "dump:", status, err)
        rows = [json.loads(line) for line in out.splitlines()]
        for row in rows:
            need(row["next_id"] > self.model.highest, "the next id is", row["next_id"], "after", self.model.highest)
        rows = [row for row in rows if "id" in row]
        problems = []
        for candidate in candidates:
            kept = self.model.keep()
            try:
                candidate()
                self.compare(rows)
                return
            except Wrong as problem:
                problems.append(problem)
                self.model.back(kept)
        raise Wrong(" / or: ".join(map(str, problems)))

    def compare(self, rows):
        """Every message of the model is a row of the dump, and the other way round."""
        model = self.model
        new = {row["id"]: row for row in sorted(rows, key=lambda row: row["id"])}
        pairs = []
        for m in sorted(model.messages, key=lambda m: (m.id is None, m.serial)):
            row = new.pop(m.id, None) if m.id else self.first_like(m, new)
            if row is None and model.expired(m):
                continue  # deleted in the end
            need(row is not None, "a message is gone:", m.id, m.body[:20], m.room)
            self.learn_id(m, row["id"])
            self.compare_record(row, m)
            self.compare_times(row, m)
            pairs.append((m, row))
        need(not new, "a message that nobody sent:", *[(row["id"], row["room"]) for row in new.values()])
        self.compare_order(pairs)
        model.messages = [m for m, _ in pairs]

    @staticmethod
    def first_like(m, rows):
        for id, row in rows.items():
            if row["room"] == m.room and body_of(row) == m.body:
                return rows.pop(id)
        return None

    def compare_times(self, row, m):
        if self.world.store:
            m.due, m.expires = (self.near(row[name], getattr(m, name)) for name in ("due", "expires"))
        need(row["expires"] == iso(m.expires), f"message {m.id} expires", row["expires"], "not", iso(m.expires))
        if row["due"] is None and m.due is not None and m.due <= self.model.now:
            self.model.come_back(m)  # some receiver has looked
        need(row["due"] == iso(m.due), f"message {m.id} is due", row["due"], "not", iso(m.due))

    @staticmethod
    def near(seen, expected):
        """A client of a server computes times with a clock that continues from the server's time."""
        if seen is None or expected is None:
            return expected
        milliseconds = round(datetime.fromisoformat(seen).timestamp() * 1000)
        return milliseconds if 0 <= milliseconds - expected < PATIENCE * 1000 else expected

    def compare_order(self, pairs):
        """The positions are in the same order; a message that got one unseen is behind the messages before."""
        ranked = {}
        for m, row in pairs:
            if m.position is None and row["place"] > 0:
                need(m.due is None, f"message {m.id} has a position before its time:", row["place"])
                m.placed = self.model.tick
            else:
                need((m.position is None) == (row["place"] == 0), f"message {m.id} has position", row["place"])
                if m.position is not None:
                    ranked.setdefault(m.room, []).append((m.position, row["place"], m.id))
        for room, line in ranked.items():
            places = [place for _, place, _ in sorted(line)]
            need(places == sorted(set(places)), f"the order of room {room} is", sorted(line))
        for m, row in pairs:
            m.position = row["place"] or None
        self.model.tick += 1

    def compare_rooms(self):
        """chat-spool list counts the messages."""
        status, out, err = self.spool("list", "-j")
        need((status, err) == (DONE, ""), "list:", status, err)
        seen = {room["room"]: room for room in map(json.loads, out.splitlines())}
        rooms = {m.room for m in self.model.messages}
        need(set(seen) == rooms, "list has the rooms", sorted(seen), "not", sorted(rooms))
        for room in rooms:
            messages = self.model.in_room(room)
            ready = self.model.ready(room)
            expected = {
                "room": room,
                "depth": len(messages),
                "bytes": sum(len(m.body) for m in messages),
                "claimed": sum(m.claim is not None for m in messages),
                "delayed": sum(m.due is not None and m.position is None for m in messages),
                "held": sum(m.due is not None and m.position is not None for m in messages),
                "expired": sum(self.model.expired(m) for m in messages),
                "dead": len(self.model.in_room(room + ".dead")),
                "oldest": iso(ready[0].sent) if ready else None,
                "readers": None,
            }
            need(seen[room] == expected, f"list: room {room} is", seen[room], "not", expected)

    def check(self):
        if not self.exists():
            return
        status, out, err = self.spool("check", "-q")
        need((status, out, err) == (DONE, b"", ""), "check:", status, out, err)


PASSED = object()  # a step that cannot be done
