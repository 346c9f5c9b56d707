"""Draws years from the readings, in turns: some seconds of work, some of rest."""
import random
import statistics
import time

from report import load

while True:
    years = []
    until = time.monotonic() + random.uniform(4, 14)
    while time.monotonic() < until:
        for values in load().values():
            years.append([random.choice(values) for _ in range(365)])
        years = years[-600:]
    with open("simulated.log", "a") as log:
        print(f"{len(years)} years, {statistics.mean(map(sum, years)):.0f} mm each", file=log)
    time.sleep(random.uniform(8, 20))
