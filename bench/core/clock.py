"""How all contenders are timed (bench_job.rs and sharp.mjs say the same in their languages)."""

import time


def cpu_milliseconds(job, least):
    """Mean CPU time of the process: three rounds, and as many again until `least` milliseconds were used, because the
    clock may move on in steps of milliseconds."""
    rounds, start = 0, time.process_time()
    while rounds == 0 or (time.process_time() - start) * 1000 < least:
        for _ in range(max(rounds, 3)):
            job()
        rounds += max(rounds, 3)
    return (time.process_time() - start) * 1000 / rounds
