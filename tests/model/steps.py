"""Random steps, for Hypothesis. A failing history shrinks to the first elements of the lists."""

from hypothesis import strategies as st

rooms = st.sampled_from(["a", "b"])
room_lists = st.sampled_from(["a", "b", "a,b", "b,a"])
any_room = st.sampled_from(["a", "b", "a.dead", "d"])
numbers = st.integers(0, 5)
verdicts = st.sampled_from(["0", "0", "1", "1", "75", "65", "99", "111", "100", "die", "127", "126"])


def flag(name, often=1):
    """The word NAME, OFTEN times in four, or nothing."""
    return st.sampled_from([""] * (4 - often) + [name] * often)


def option(name, *values):
    """NAME=VALUE, or nothing half of the time."""
    return st.sampled_from([""] * len(values) + [f"{name}={value}" for value in values])


def step(*parts):
    """A line of words; a part is a word or a strategy for words."""
    parts = [st.just(part) if isinstance(part, str) else part for part in parts]
    return st.tuples(*parts).map(lambda words: " ".join(str(word) for word in words if word != ""))


# The system call before which a program is killed: the first thirty are the loader's, and a send has about 130.
kill = st.one_of(st.just(""), st.just(""), st.just(""), st.integers(30, 160).map(lambda n: f"kill={n}"))

send = step("send", rooms, flag("binary"), kill)
conditions = step(
    "send", rooms, option("lines", 1, 2, 3), flag("atomic"), flag("json"), option("delay", 1, 10, 30), option("expire", 0, 10, 30),
    option("key", "k", "l"), flag("replace", 2), option("max", 1, 2, 3), flag("drop", 2), flag("wait", 2), option("size", "page", "large"), kill,
)  # fmt: skip
delayed = step("send", rooms, option("lines", 2), st.sampled_from(["delay=1", "delay=10", "delay=30", "expire=10", "expire=0"]))
full = step("send", rooms, st.sampled_from(["max=1", "max=2", "max=3"]), st.sampled_from(["wait", "drop", ""]))
take = step(
    "take", room_lists, st.sampled_from(["", "all", "count=2", "count=3"]), flag("peek"), flag("json", 2), flag("brief"), kill
)
work = step(
    "work", room_lists, st.sampled_from(["", "", "all", "count=2", "count=3", "follow"]), flag("wait"), option("parallel", 2, 3),
    option("retries", 1, 2, 3), option("dead", "d"), option("backoff", 0, 1, 10),
    st.lists(verdicts, max_size=4).map(lambda words: "say=" + ",".join(words) if words else ""),
)  # fmt: skip
show = step("work", room_lists, "print", st.sampled_from(["", "follow", "count=2"]))
answer = step("answer", numbers, verdicts)
stop = step("stop", numbers, st.sampled_from(["kill", "term"]))
clock = step("clock", st.sampled_from([1, 10, 5, 30, 100, -10, -40, 4000]))
move = step("move", st.one_of(any_room, numbers), any_room, kill)
delete = step("delete", st.one_of(any_room, numbers), kill)
look_after = st.one_of(
    step("repair", kill), step("compact", kill), step("backup", flag("use", 2), kill), step("renew", st.sampled_from(["load", "copy"]), kill),
    step("restore", kill), step("again", any_room, kill), step("norun", rooms),
)  # fmt: skip

# Hypothesis draws each branch equally often.
any_step = st.one_of(
    send, send, conditions, conditions, delayed, full, take, take, work, work, work, show, answer, answer, answer, stop, clock, clock,
    move, delete, look_after,
)  # fmt: skip

# A list of lists, since one list would have five steps on average.
histories = st.lists(st.lists(any_step, max_size=12), max_size=8).map(lambda parts: [line for part in parts for line in part])
