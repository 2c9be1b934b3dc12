"""The table for people, with what was asked for beside it."""

from contenders import CONTENDERS

PEERS = ["node", "python"]
TITLES = {contender.name: contender.title for contender in CONTENDERS}
STORES = {"null": "An S3 that keeps nothing", "seaweedfs": "SeaweedFS"}
# How many times our CPU time for each upload the better peer's is to be.
CPU_TIMES = {"phone": 4, "web": 2.5, "png": 2}
# The proportion of uploads a second to that of CPU time: the clients and the S3 have the same cores.
PROPORTION = 0.8
MEMORY_TIMES = 4
STARTUP_MS = 50

# Between these the first page has its table.
README_BEGINS, README_ENDS = "<!-- Written by bench/service/run -->", "<!-- until here -->"

# Figure, its title, decimals, whether more is better.
COLUMNS = [
    ("uploads_per_second", "uploads/s", 1, True), ("p50_ms", "p50 ms", 0, False), ("p99_ms", "p99 ms", 0, False),
    ("cpu_ms_per_upload", "CPU ms per upload", 1, False), ("peak_pss_mb", "peak memory, MB", 0, False),
]


def markdown(results, beside, rounds, seconds):
    rows = {(row["store"], row["set"], row["clients"], row["contender"]): row for row in results["rows"]}
    cells = list(dict.fromkeys(cell[:3] for cell in rows))
    parts = [introduction(results, rounds, seconds), made_of(results)]
    for store, title in STORES.items():
        of_store = [cell for cell in cells if cell[0] == store]
        parts += [f"## {title}\n", figures(rows, beside, of_store), times(rows, of_store)]
    return "\n".join([*parts, "## What was asked for\n", bars(rows, cells, results["contenders"])])


def readme_table(results):
    """The short one for the first page: what the most clients found with the S3 that keeps nothing."""
    clients = max(row["clients"] for row in results["rows"])
    of_null = [row for row in results["rows"] if (row["store"], row["clients"]) == ("null", clients)]
    rows = {(row["set"], row["contender"]): row for row in of_null}
    lines = [f"| {clients} clients | " + " | ".join(TITLES.values()) + " |", "|---" * 4 + "|"]
    for name in CPU_TIMES:
        for figure, title, decimals, _ in COLUMNS:
            if figure != "p50_ms":
                values = [f"{rows[name, contender][figure]:.{decimals}f}" for contender in TITLES]
                lines.append(f"| {name}: {title} | " + " | ".join(values) + " |")
    facts = [results["contenders"][contender] for contender in TITLES]
    lines.append("| start to first answer, ms | " + " | ".join(f"{fact['startup_ms']:.0f}" for fact in facts) + " |")
    lines.append("| deployed, MB | " + " | ".join(f"{fact['deployed_bytes'] / 1e6:.0f}" for fact in facts) + " |")
    return "\n".join(lines)


def introduction(results, rounds, seconds):
    machine = results["machine"]
    return f"""# The service beside what people use today

The same job by each: take a multipart upload, make the 150 x 150 thumbnail (orientation applied, JPEG quality 80), put
both into S3 at once, answer with both keys, log a line. Written by `bench/service/run`; how it is measured stands in
[README.md](README.md).

![CPU time, uploads a second and memory](results.svg)

Medians of rounds of {seconds} s (number of rounds: {rounds}), in which the contenders took turns, on one machine with its clients and
its S3: {machine["cores"]} cores ({machine["cpu"]}), {machine["memory_gb"]} GB. Each peer has a worker for each core.
"""


def made_of(results):
    lines = ["| | start to first answer, ms | deployed, MB | versions |", "|---|---|---|---|"]
    for name, facts in results["contenders"].items():
        size = facts["deployed_bytes"] / 1e6
        lines.append(f"| {TITLES[name]} | {facts['startup_ms']:.1f} | {size:.1f} | {facts['versions']} |")
    return "\n".join(lines) + "\n"


def figures(rows, beside, cells):
    titles = [title for _, title, _, _ in COLUMNS] + ["CPU of clients and S3"]
    lines = ["| set | clients | | " + " | ".join(titles) + " |", "|---" * 9 + "|"]
    for cell in cells:
        for name, title in TITLES.items():
            values = [f"{rows[*cell, name][figure]:.{decimals}f}" for figure, _, decimals, _ in COLUMNS]
            values.append(f"{beside[name, *cell]:.1f}")
            lines.append(f"| {cell[1]} | {cell[2]} | {title} | " + " | ".join(values) + " |")
    return "\n".join(lines) + "\n"


def times(rows, cells):
    """How many times better than the better peer, figure by figure."""
    lines = ["How many times better than the better of the two peers in each figure:\n"]
    lines += ["| set | clients | " + " | ".join(title for _, title, _, _ in COLUMNS) + " |", "|---" * 7 + "|"]
    for cell in cells:
        values = [f"{better(rows, cell, figure):.2f}" for figure, *_ in COLUMNS]
        lines.append(f"| {cell[1]} | {cell[2]} | " + " | ".join(values) + " |")
    return "\n".join(lines) + "\n"


def bars(rows, cells, contenders):
    lines = ["| | asked for | found | |", "|---|---|---|---|"]
    for cell in cells:
        asked = null_bars(rows, cell) if cell[0] == "null" else [not_behind(rows, cell)]
        lines += [f"| {STORES[cell[0]]}, {cell[1]}, {cell[2]} clients: {text} |" for text in asked]
    startup = contenders["thumbgate"]["startup_ms"]
    started = bar("start to first answer", f"at most {STARTUP_MS} ms", f"{startup:.1f} ms", startup <= STARTUP_MS)
    lines.append(f"| {started} |")
    return "\n".join(lines) + "\n"


def null_bars(rows, cell):
    cpu, memory, p99 = (better(rows, cell, figure) for figure in ["cpu_ms_per_upload", "peak_pss_mb", "p99_ms"])
    least = CPU_TIMES[cell[1]]
    found = [bar("CPU per upload", f"{least} times less", f"{cpu:.2f}", cpu >= least)]
    if cell[2] == 64:
        uploads, wanted = better(rows, cell, "uploads_per_second"), PROPORTION * cpu
        asked = f"{wanted:.2f} times (the CPU's proportion less 20 %)"
        found.append(bar("uploads/s", asked, f"{uploads:.2f}", uploads >= wanted))
    found.append(bar("p99", "lower", f"{p99:.2f} times", p99 > 1))
    found.append(bar("peak memory", f"{MEMORY_TIMES} times less", f"{memory:.2f}", memory >= MEMORY_TIMES))
    return found


def not_behind(rows, cell):
    found = {title: better(rows, cell, figure) for figure, title, *_ in COLUMNS}
    least = min(found, key=found.get)
    return bar("every figure", "not behind", f"least: {found[least]:.2f} times ({least})", found[least] >= 1)


def bar(what, asked, found, held):
    return f"{what} | {asked} | {found} | {'held' if held else '**missed**'}"


def better(rows, cell, figure):
    """The better peer's figure over ours, or the reverse where more is better."""
    more_is_better = next(more for name, _, _, more in COLUMNS if name == figure)
    ours, theirs = rows[*cell, "thumbgate"][figure], [rows[*cell, peer][figure] for peer in PEERS]
    return ours / max(theirs) if more_is_better else min(theirs) / ours
