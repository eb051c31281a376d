# SPDX-License-Identifier: Apache-2.0
"""What each node says of the others, as it says it: logs are followed, and each change of a view is
stamped by one clock, whoever's log it is."""
import collections
import threading
import time

POLL = 0.005  # seconds; the stamps are late by at most so much and the time of a round

View = collections.namedtuple("View", "t observer subject state")


class Watch(threading.Thread):
    """Follows logs until stopped. `parse` gives (subject, state) of a line, or None."""

    def __init__(self, parse):
        super().__init__(daemon=True)
        self.parse, self.files, self.lock = parse, {}, threading.Lock()
        self.views, self.ending = [], threading.Event()
        self.start()

    def follow(self, observer, path):
        with self.lock:
            self.files[observer] = [path, None, b""]

    def run(self):
        while not self.ending.wait(POLL):
            with self.lock:
                for observer, followed in self.files.items():
                    self.read(observer, followed)

    def read(self, observer, followed):
        path, stream, rest = followed
        if stream is None:
            if not path.exists():
                return
            followed[1] = stream = open(path, "rb")  # closed by stop()
        text = stream.read()
        if not text:
            return
        now = time.time()
        *lines, followed[2] = (rest + text).split(b"\n")
        for line in lines:
            seen = self.parse(line)
            if seen:
                self.views.append(View(now, observer, *seen))

    def stop(self):
        self.ending.set()
        self.join(timeout=10)
        for _, stream, _ in self.files.values():
            if stream:
                stream.close()

    def forget(self, observer):
        """That node starts anew, and so do its views."""
        now = time.time()
        self.views += [View(now, observer, subject, "unknown")
                       for (who, subject) in self.latest() if who == observer]

    def latest(self):
        """{(observer, subject): View}: what each says now."""
        return {(view.observer, view.subject): view for view in list(self.views)}

    def wait(self, pairs, state, since, seconds):
        """Waits until each observer of `pairs` (observer, subject) says `state`. Seconds from
        `since` to the last of them; None when it takes longer than `seconds`."""
        pairs = set(pairs)
        while True:
            latest = self.latest()
            said = [latest[pair].t for pair in pairs
                    if pair in latest and latest[pair].state == state]
            if len(said) == len(pairs):
                return max(0.0, max(said) - since)
            if time.time() > since + seconds:
                return None
            time.sleep(POLL)

    def count(self, state, since):
        """How many times anybody has said so of anybody after `since`."""
        return sum(v.state == state and v.t >= since for v in list(self.views))

    def said(self, state, since, observers=None):
        """(observer, subject) of all who said so after `since`."""
        return sorted({(v.observer, v.subject) for v in list(self.views)
                       if v.state == state and v.t >= since
                       and (observers is None or v.observer in observers)})
