"""The real programs, run on a separate spool with a clock that stands still."""

import os
import selectors
import shutil
import signal
import socket
import struct
import subprocess
import time

PATIENCE = 30  # seconds to wait for an event that must happen
EPOCH = 1_800_000_000_000  # the first time of the clock


class Wrong(AssertionError):
    """A program did something that the model does not allow."""


def peer(connection):
    """Return a descriptor of the process at the other end, which becomes readable when the process ends."""
    pid, _, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return os.pidfd_open(pid)


def wait_for(descriptor):
    """Close it when it is readable. Returns False if the time is up."""
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        ready = selector.select(PATIENCE)
    os.close(descriptor)
    return bool(ready)


class Process:
    """A program in the background, which sleeps or has ended when the tests look."""

    def __init__(self, world, name, argv):
        self.name, self.world = name, world
        self.out = open(f"{world.place}/{name}.out", "wb+")
        self.err = open(f"{world.place}/{name}.err", "wb+")
        self.popen = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.err, env=world.environment, start_new_session=True
        )
        self.pid = self.popen.pid
        self.ended = os.pidfd_open(self.pid)
        self.seen = 0  # bytes of its output

    def has_written(self):
        """Whether there is output that nobody has read."""
        return os.path.getsize(self.out.name) > self.seen

    def output(self):
        """Return the complete lines that it has written since the last call."""
        self.out.flush()
        with open(self.out.name, "rb") as file:
            file.seek(self.seen)
            text = file.read()
        text = text[: text.rfind(b"\n") + 1]
        self.seen += len(text)
        return text

    def errors(self):
        with open(self.err.name, "rb") as file:
            return file.read().decode()

    def asleep(self):
        """Return whether it sleeps until an event: in poll() or sigsuspend(), without a pause in between."""
        try:
            with open(f"/proc/{self.pid}/syscall") as file:
                number = file.read().split()[0]
            with open(f"/proc/{self.pid}/status") as file:
                switches = [line for line in file if "ctxt_switches" in line or line.startswith("State")]
        except OSError:
            return None
        return (number, switches) if number in SLEEPS and "S" in switches[0] else None

    def close(self):
        if self.popen.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)
            self.popen.wait()
        os.close(self.ended)
        self.out.close()
        self.err.close()


# poll, ppoll, rt_sigsuspend, select, pselect6 and epoll_wait, epoll_pwait: on x86-64, and where all have the generic numbers.
SLEEPS = {"7", "271", "130", "23", "270", "232", "281"} if os.uname().machine == "x86_64" else {"73", "133", "72", "22"}


class World:
    """A directory with a spool, the clock, and a socket to which the commands of receivers connect."""

    def __init__(self, place, programs, faults, store=None):
        os.makedirs(place, mode=0o700)
        self.place, self.programs, self.faults, self.store = place, programs, faults, store
        self.clock = f"{place}/clock"
        self.spool_count = 0
        self.environment = dict(
            os.environ,
            CHAT_CLOCK=self.clock,
            LD_PRELOAD=f"{faults}/clock.so",
            TZ="UTC",
            LC_ALL="C.UTF-8",
            HOME=place,
        )
        for name in ("CHAT_ROOM", "XDG_STATE_HOME"):
            self.environment.pop(name, None)
        self.processes = {}
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(f"{place}/gate")
        self.socket.listen(64)
        self.set_clock(EPOCH)
        self.open_spool()

    def open_spool(self):
        """Return the name of a new spool."""
        self.spool_count += 1
        self.use(self.store.new(self.now) if self.store else f"{self.place}/spool{self.spool_count}.db")
        return self.spool

    def use(self, spool):
        self.spool = self.environment["CHAT_SPOOL"] = spool

    def set_clock(self, now):
        self.now = now
        if not os.path.exists(self.clock):
            with open(self.clock, "wb") as file:
                file.write(bytes(8))
        with open(self.clock, "rb+") as file:
            file.write(struct.pack("=q", now))
        if self.store:
            self.store.set_clock(now)

    def argv(self, program, arguments):
        return [f"{self.programs}/chat-{program}", *map(str, arguments)]

    def run(self, program, *arguments, input=b"", kill=0):
        """Run it to its end and return its exit status, standard output and error. With KILL it dies before that system call."""
        argv = self.argv(program, arguments)
        if kill:
            return self.run_killed(kill, argv, input)
        try:
            done = subprocess.run(argv, input=input, capture_output=True, env=self.environment, timeout=2 * PATIENCE)
        except subprocess.TimeoutExpired:
            raise Wrong(f"does not end: {argv}") from None
        return done.returncode, done.stdout, done.stderr.decode()

    def run_killed(self, kill, argv, input):
        with open(f"{self.place}/in", "wb") as file:
            file.write(input)
        trial = [f"{self.faults}/trial", "kill", str(kill), "trial", *argv]
        done = subprocess.run(trial, cwd=self.place, capture_output=True, env=self.environment, timeout=PATIENCE)
        status = int(done.stdout.split()[1])
        with open(f"{self.place}/trial.out", "rb") as out, open(f"{self.place}/trial.err", "rb") as err:
            return status, out.read(), err.read().decode()

    def start(self, name, program, *arguments):
        self.processes[name] = Process(self, name, self.argv(program, arguments))
        return self.processes[name]

    def gate(self, name):
        """Return the COMMAND of the receiver with this name."""
        return ["--", f"{self.faults}/gate", f"{self.place}/gate", name]

    def answered(self):
        """A command has connected: return the connection, the fields that it sends, and the body of its message."""
        connection, _ = self.socket.accept()
        connection.settimeout(PATIENCE)
        stream = connection.makefile("rb")
        fields = stream.readline().decode().rstrip("\n").split("\t")
        body = stream.read(int(fields[6]))
        return connection, fields, body

    def wait(self, seconds):
        """Wait for at most SECONDS, and return the events: "gate", or the names of processes that ended or wrote something."""
        end = time.monotonic() + seconds
        while True:
            with selectors.DefaultSelector() as selector:
                selector.register(self.socket, selectors.EVENT_READ, "gate")
                for name, process in self.processes.items():
                    selector.register(process.ended, selectors.EVENT_READ, name)
                happened = [key.data for key, _ in selector.select(0)]
                for name, process in self.processes.items():
                    if process.has_written():
                        happened.append(name)
                if happened or time.monotonic() >= end:
                    return happened
                selector.select(0.002)

    def asleep(self):
        """Wait until every background process sleeps, or something has happened."""
        end = time.monotonic() + PATIENCE
        before = None
        while not self.wait(0):
            now = [process.asleep() for process in self.processes.values()]
            if None not in now and now == before:
                return
            before = now
            if time.monotonic() > end:
                raise Wrong(f"not asleep after {PATIENCE} s: {[p.name for p in self.processes.values() if not p.asleep()]}")
            time.sleep(0.003)

    def reap(self, name):
        """A process has ended, or is about to: return its status and its last output."""
        process = self.processes.pop(name)
        try:
            status = process.popen.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.close()
            raise Wrong(f"{name} does not end") from None
        text, errors = process.output(), process.errors()
        process.close()
        return status, text, errors

    def signal(self, name, number):
        os.kill(self.processes[name].pid, number)

    def close(self):
        for process in self.processes.values():
            process.close()
        self.socket.close()
        if self.store:
            self.store.drop()
        shutil.rmtree(self.place, ignore_errors=True)
