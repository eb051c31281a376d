# SPDX-License-Identifier: Apache-2.0
"""A timeline as one SVG file that stands alone: for each node what it was, what the others said of
it and what its clients got, under one axis of time."""
import html
import math

LEFT, WIDTH, RIGHT = 170, 900, 190
STRIP, GAP, CLIENTS = 14, 4, 46
VIEWS = {"alive": "#8fce9b", "suspect": "#f2b84b", "dead": "#d9534f", "left": "#9aa5b1",
         "failed": "#d9534f"}
SELF = {"running": "#3b7dd8", "stopped": "#ffffff", "paused": "#c7b3e5", "cut off": "#444444"}
MARKS = {"fault": "#b3261e", "end": "#1b7f3b", "note": "#555555"}


class Canvas:
    def __init__(self, seconds):
        self.parts, self.seconds = [], max(seconds, 0.001)

    def x(self, t):
        return LEFT + WIDTH * min(max(t / self.seconds, 0.0), 1.0)

    def rect(self, x, y, width, height, fill, title="", stroke="none"):
        tip = f"<title>{html.escape(title)}</title>" if title else ""
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.4):.1f}" '
                          f'height="{height:.1f}" fill="{fill}" stroke="{stroke}">{tip}</rect>')

    def line(self, x1, y1, x2, y2, stroke, dash=""):
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
                          f'stroke="{stroke}" stroke-dasharray="{dash}"/>')

    def text(self, x, y, words, size=11, fill="#222", anchor="start", weight="normal"):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{fill}" '
                          f'text-anchor="{anchor}" font-weight="{weight}">'
                          f'{html.escape(words)}</text>')


def spans(changes, end):
    """(from, to, value) of a list of (t, value)."""
    for (t, value), (after, _) in zip(changes, changes[1:] + [(end, None)]):
        if after > t:
            yield t, after, value


def draw_strip(canvas, y, changes, colours, owner):
    for begin, end, value in spans(changes, canvas.seconds):
        if value in colours:
            canvas.rect(canvas.x(begin), y, canvas.x(end) - canvas.x(begin), STRIP, colours[value],
                        f"{owner}: {value} from {begin:.2f} s to {end:.2f} s",
                        "#999" if colours[value] == "#ffffff" else "none")


def draw_clients(canvas, y, results):
    """Answers a bin as bars, green for 200 and red for the rest; the slowest as a line."""
    bins = min(180, max(1, int(canvas.seconds / 0.25)))
    width = canvas.seconds / bins
    counted = [[0, 0, 0.0] for _ in range(bins)]
    for result in results:
        into = counted[min(bins - 1, max(0, int(result["t"] / width)))]
        into[0 if result["status"] == 200 else 1] += 1
        into[2] = max(into[2], result["ms"])
    most = max((good + bad for good, bad, _ in counted), default=1) or 1
    half = CLIENTS * 0.55
    points = []
    for i, (good, bad, slowest) in enumerate(counted):
        x, step = canvas.x(i * width), WIDTH / bins
        if good:
            canvas.rect(x, y + CLIENTS - half * good / most, step, half * good / most, "#8fce9b")
        if bad:
            height = half * max(bad / most, 0.2)
            canvas.rect(x, y + CLIENTS - half * good / most - height, step, height, "#d9534f")
        if good + bad:  # 1 ms at the bottom, 10 s at the top
            level = min(max(math.log10(max(slowest, 1)) / 4, 0), 1)
            points.append(f"{x + step / 2:.1f},{y + CLIENTS * (1 - level):.1f}")
    canvas.parts.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="#4a4a8a"/>')


def summary(results):
    if not results:
        return "no requests"
    good = [r for r in results if r["status"] == 200]
    late = sorted(r["ms"] for r in good)
    p99 = f", p99 {late[int(0.99 * (len(late) - 1))]:.0f} ms" if late else ""
    return f"{len(good)} of {len(results)} ok{p99}"


def draw_node(canvas, y, node, told):
    bars = [(0.0, "running")] + [(b["t"], b["condition"]) for b in told["bars"]
                                 if b["node"] == node]
    canvas.text(LEFT - 8, y + 11, node, 12, anchor="end", weight="bold")
    draw_strip(canvas, y, bars, SELF, node)
    y += STRIP + GAP
    for observer in told["nodes"]:
        if observer == node:
            continue
        views = [(v["t"], v["state"]) for v in told["views"]
                 if v["observer"] == observer and v["subject"] == node]
        views += [(b["t"], None) for b in told["bars"]
                  if b["node"] == observer and b["condition"] == "stopped"]
        canvas.text(LEFT - 8, y + 11, f"{observer} says", 10, "#666", "end")
        draw_strip(canvas, y, sorted(views, key=lambda v: v[0]), VIEWS, f"{observer} of {node}")
        y += STRIP + GAP
    results = [c for c in told["clients"] if c["node"] == node]
    canvas.text(LEFT - 8, y + CLIENTS - 6, "its clients", 10, "#666", "end")
    canvas.text(LEFT + WIDTH + 8, y + CLIENTS - 6, summary(results), 10, "#666")
    draw_clients(canvas, y, results)
    return y + CLIENTS + 3 * GAP


def draw_axis(canvas, top, bottom):
    step = next(s for s in (1, 2, 5, 10, 30, 60, 120, 600) if canvas.seconds / s <= 16)
    for t in range(0, int(canvas.seconds) + 1, step):
        canvas.line(canvas.x(t), top, canvas.x(t), bottom, "#eee")
        canvas.text(canvas.x(t), bottom + 14, f"{t} s", 10, "#666", "middle")


def draw_legend(canvas, y):
    x = LEFT
    for colours, prefix in ((SELF, "is "), (VIEWS, "said ")):
        for name, colour in colours.items():
            if name == "failed":
                continue
            canvas.rect(x, y, 12, 12, colour, stroke="#999")
            canvas.text(x + 16, y + 10, prefix + name, 10)
            x += 92
    canvas.line(x, y + 6, x + 12, y + 6, "#4a4a8a")
    canvas.text(x + 16, y + 10, "slowest answer, 1 ms to 10 s (log)", 10)


def draw(told):
    """The SVG text of a timeline's JSON."""
    canvas = Canvas(told["seconds"])
    verdict, colour = ("passed", "#1b7f3b") if told["passed"] else ("FAILED", "#b3261e")
    canvas.text(LEFT, 24, f"{told['scenario']}: {verdict}", 16, colour, weight="bold")
    canvas.text(LEFT, 42, told["claim"], 12)
    canvas.text(LEFT, 58, told["conditions"], 10, "#666")
    draw_legend(canvas, 68)
    top = y = 104
    for node in told["nodes"]:
        y = draw_node(canvas, y, node, told)
    bottom = y
    edge = 0  # where the last number ends
    for number, event in enumerate(told["events"], 1):
        x, shade = canvas.x(event["t"]), MARKS[event["kind"]]
        canvas.line(x, top - 8, x, bottom, shade, "3,2")
        at = max(x, edge + 10)
        canvas.text(at, top - 10, str(number), 10, shade, "middle", "bold")
        edge = at + 3 * len(str(number))
    axis, canvas.parts = canvas.parts, []
    draw_axis(canvas, top - 4, bottom)  # beneath everything
    canvas.parts += axis
    y = bottom + 40
    for number, event in enumerate(told["events"], 1):
        canvas.text(LEFT, y, f"{number}", 11, MARKS[event["kind"]], weight="bold")
        canvas.text(LEFT + 24, y, f"{event['t']:.2f} s  {event['text']}", 11)
        y += 16
    y += 8
    for check in told["checks"]:
        sign, shade = ("ok", "#1b7f3b") if check["ok"] else ("FAILED", "#b3261e")
        canvas.text(LEFT, y, sign, 11, shade, weight="bold")
        detail = f" ({check['detail']})" if check["detail"] else ""
        canvas.text(LEFT + 54, y, check["what"] + detail, 11)
        y += 16
    width, height = LEFT + WIDTH + RIGHT, y + 8
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" font-family="sans-serif">\n'
            f'<rect width="100%" height="100%" fill="#fff"/>\n' + "\n".join(canvas.parts)
            + "\n</svg>\n")
