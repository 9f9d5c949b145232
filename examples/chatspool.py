"""chatspool.py - send and receive from Python over libchatspool, with only ctypes.

    from chatspool import Spool

    with Spool("/srv/chat/spool.db") as spool:
        spool.send(b"a job", room="jobs", key="job-1")
        for message in spool.receive(room="jobs"):
            work(message.body)          # deleted when this returns without an exception

Or from a shell: python3 chatspool.py [SPOOL [ROOM]] prints and deletes the messages that are there.

What happens when something dies: send() returns when the message is on disk. A message that was received stays in the room,
claimed, until the loop asks for the next one; if the program dies before that, or raises an exception, the message is there
again at once, and the next receiver gets it. See chatspool(3).
"""

import collections
import ctypes
import os
import pwd
import socket
import sys

Message = collections.namedtuple("Message", "id room user host time attempts key body")
OK, NONE = 0, 1


class _Message(ctypes.Structure):
    _fields_ = [
        ("id", ctypes.c_int64),
        ("room", ctypes.c_char_p),
        ("user", ctypes.c_char_p),
        ("host", ctypes.c_char_p),
        ("time", ctypes.c_int64),
        ("attempts", ctypes.c_int64),
        ("failed", ctypes.c_int64),
        ("failure", ctypes.c_int),
        ("key", ctypes.c_char_p),
        ("body", ctypes.c_void_p),
        ("length", ctypes.c_size_t),
        ("due", ctypes.c_int64),
        ("expires", ctypes.c_int64),
        ("reader", ctypes.c_char_p),
        ("place", ctypes.c_int64),
        ("claimed", ctypes.c_bool),
    ]


class _Terms(ctypes.Structure):
    _fields_ = [
        ("once", ctypes.c_bool),
        ("fresh", ctypes.c_bool),
        ("replace", ctypes.c_bool),
        ("max", ctypes.c_int64),
        ("drop", ctypes.c_bool),
        ("restore", ctypes.c_bool),
        ("whole", ctypes.c_bool),
    ]


class _Query(ctypes.Structure):
    _fields_ = [
        ("rooms", ctypes.POINTER(ctypes.c_char_p)),
        ("room_count", ctypes.c_size_t),
        ("id", ctypes.c_int64),
        ("every", ctypes.c_bool),
        ("until", ctypes.c_int64),
        ("before", ctypes.c_int64),
        ("after", ctypes.c_int64),
        ("max_messages", ctypes.c_size_t),
        ("max_bytes", ctypes.c_size_t),
    ]


def _load():
    library = ctypes.CDLL(os.environ.get("LIBCHATSPOOL", "libchatspool.so.1"))
    library.chat_error.restype = ctypes.c_char_p
    library.chat_batch_message.restype = ctypes.POINTER(_Message)
    for name, *arguments in (
        ("chat_open", ctypes.c_char_p, ctypes.c_void_p),
        ("chat_close", ctypes.c_void_p),
        ("chat_error", ctypes.c_void_p),
        ("chat_begin", ctypes.c_void_p),
        ("chat_put", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p),
        ("chat_commit", ctypes.c_void_p),
        ("chat_rollback", ctypes.c_void_p),
        ("chat_claim", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p),
        ("chat_wait", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p),
        ("chat_batch_message", ctypes.c_void_p, ctypes.c_size_t),
        ("chat_settle", ctypes.c_void_p, ctypes.c_size_t),
        ("chat_release", ctypes.c_void_p),
    ):
        getattr(library, name).argtypes = arguments
    return library


class Error(Exception):
    """The reason, as the programs print it; .status is an enum chat_status."""

    def __init__(self, status, reason):
        super().__init__(reason)
        self.status = status


def _text(text):
    return None if text is None else text.decode()


class Spool:
    """One thread at a time, and no child made by fork() while it is open."""

    def __init__(self, where):
        self.library = _load()
        self.handle = ctypes.c_void_p()
        try:
            self._need(self.library.chat_open(os.fsencode(where), ctypes.byref(self.handle)))
        except Error:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.library.chat_close(self.handle)
        self.handle = ctypes.c_void_p()

    def _need(self, status):
        if status != OK:
            raise Error(status, self.library.chat_error(self.handle).decode(errors="replace"))

    def send(self, body, room=None, user=None, key=None):
        """Send BODY, bytes, and return the id; with KEY, that of the message with this key if one is in the room."""
        message = _Message(
            room=None if room is None else room.encode(),
            user=(user or pwd.getpwuid(os.geteuid()).pw_name).encode(),
            host=socket.gethostname().encode(),
            key=None if key is None else key.encode(),
            body=ctypes.cast(ctypes.c_char_p(body), ctypes.c_void_p),
            length=len(body),
        )
        terms, number = _Terms(once=key is not None), ctypes.c_int64()
        self._need(self.library.chat_begin(self.handle))
        try:
            self._need(self.library.chat_put(self.handle, ctypes.byref(message), ctypes.byref(terms), ctypes.byref(number)))
            self._need(self.library.chat_commit(self.handle))
        except Error:
            self.library.chat_rollback(self.handle)
            raise
        return number.value

    def receive(self, room=None, timeout=0.0):
        """Yield message after message. Ends when none has come for TIMEOUT seconds; None: never."""
        names = (ctypes.c_char_p * 1)(None if room is None else room.encode())
        query = _Query(rooms=names, room_count=1, max_messages=1, max_bytes=1)
        while True:
            batch = ctypes.c_void_p()
            status = self.library.chat_claim(self.handle, ctypes.byref(query), ctypes.byref(batch))
            if status == NONE:
                left = -1 if timeout is None else int(timeout * 1000)
                status = self.library.chat_wait(self.handle, ctypes.byref(query), left, None) if left else NONE
                if status == NONE:
                    return
                self._need(status)
                continue
            self._need(status)
            try:
                m = self.library.chat_batch_message(batch, 0).contents
                body = ctypes.string_at(m.body, m.length) if m.length else b""
                yield Message(m.id, _text(m.room), _text(m.user), _text(m.host), m.time / 1000, m.attempts, _text(m.key), body)
                self._need(self.library.chat_settle(batch, 1))
            finally:
                self.library.chat_release(batch)


if __name__ == "__main__":
    if len(sys.argv) > 3:
        sys.exit("usage: chatspool.py [SPOOL [ROOM]]")
    where = sys.argv[1] if len(sys.argv) > 1 else os.environ["CHAT_SPOOL"]
    with Spool(where) as here:
        for received in here.receive(sys.argv[2] if len(sys.argv) > 2 else None):
            sys.stdout.buffer.write(received.body + b"\n")
            sys.stdout.flush()
