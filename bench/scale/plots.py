"""The document's plots, by file name."""

from limits import limits
from model import duration_ms, fits, functions, warm_usd
from plot import Panel, Series, bars, lines
from simulate import nearest_rank
from tables import RATE_TITLES

COLOURS = {"api": 0, "event": 1, "python": 2}


def plots(figures, outcomes):
    drawn = {"memory.svg": by_memory(figures), "limits.svg": by_limit(figures)}
    for burst in figures.model["bursts"]:
        by = {name: outcome for (scenario, name), outcome in outcomes.items() if scenario == burst["name"]}
        if len(by) > 1:
            drawn[f"{burst['name']}.svg"] = by_second(figures, burst, by)
    return drawn


def by_memory(figures):
    sizes = figures.model["memory_mb"]
    cost, took = [], []
    for name, function in functions(figures).items():
        at = [(index, size) for index, size in enumerate(sizes) if fits(figures, function, size)]
        cost.append(
            Series(function.title, COLOURS[name], [(x, 1e6 * warm_usd(figures, function.work, size)) for x, size in at])
        )
        took.append(
            Series(function.title, COLOURS[name], [(x, duration_ms(figures, function.work, size)) for x, size in at])
        )
    names = tuple(str(size) for size in sizes)
    return lines(
        [
            Panel("Lambda, USD a million (arm)", "memory, MB", cost, names=names),
            Panel("warm invocation, ms", "memory, MB", took, names=names),
        ],
        "Cost and duration by memory",
    )


def by_limit(figures):
    colours = {"api": 0, "presigned": 1, "python": 2, "server": 3}
    rows = [
        (f"{RATE_TITLES[way]}: {short(limit.name)}", colours[way], limit.holds)
        for way, found in limits(figures).items()
        for limit in found
    ]
    marks = [(f"{rate:,}/s", rate) for rate in figures.model["rates"]]
    return bars(rows, marks, "Up to which rate each limit holds", "uploads a second, logarithmic")


def short(name):
    for long, brief in [("the template's ", ""), (", requests of an account", ""), (" of one partition", "")]:
        name = name.replace(long, brief)
    return name


def by_second(figures, burst, outcomes):
    by, busy, late = functions(figures), [], []
    last = sum(seconds for seconds, _ in burst["phases"])
    for name, outcome in outcomes.items():
        title, colour = by[name].title, COLOURS[name]
        late.append(Series(title, colour, p99_by_second(outcome)))
        busy.append(Series(title, colour, [point for point in busy_by_second(outcome) if point[0] < last]))
    return lines(
        [
            Panel("p99 of the uploads that came in a second, s", "second", late, is_log=True, last=last),
            Panel("instances busy", "second", busy, last=last),
        ],
        burst["title"],
    )


def p99_by_second(outcome):
    seconds = {}
    for one in outcome.served:
        seconds.setdefault(int(one.arrived), []).append(one.ended - one.arrived)
    return [(second, nearest_rank(sorted(took), 0.99)) for second, took in sorted(seconds.items())]


def busy_by_second(outcome):
    """The most of each second."""
    seconds = {}
    for at, number in outcome.busy:
        seconds[int(at)] = max(seconds.get(int(at), 0), number)
    return sorted(seconds.items())
