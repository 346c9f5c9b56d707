"""What the gauges say: means, the wettest day, and the longest dry spell of each."""
import csv
import itertools
import pathlib
import statistics

READINGS = pathlib.Path(__file__).with_name("readings.csv")
DRY_MM = 1.0


def load(path=READINGS):
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    gauges = [name for name in rows[0] if name != "day"]
    return {name: [float(row[name]) for row in rows] for name in gauges}


def longest_dry_spell(values):
    """In days."""
    spells = (len(list(days)) for dry, days in itertools.groupby(values, lambda mm: mm < DRY_MM) if dry)
    return max(spells, default=0)


def bar(value, most, width=24):
    return "█" * round(width * value / most)


def main():
    gauges = load()
    most = max(statistics.mean(values) for values in gauges.values())
    print(f"{'gauge':<10}{'mean':>8}{'wettest':>10}{'dry spell':>12}")
    for name, values in gauges.items():
        mean = statistics.mean(values)
        print(f"{name:<10}{mean:>5.1f} mm{max(values):>7.1f} mm{longest_dry_spell(values):>7} days  \033[34m{bar(mean, most)}\033[0m")


if __name__ == "__main__":
    main()
