import unittest

from report import load, longest_dry_spell


class Report(unittest.TestCase):
    def test_a_dry_spell_ends_with_rain(self):
        self.assertEqual(longest_dry_spell([0, 0.4, 3, 0, 0, 0.9, 7]), 3)

    def test_rain_every_day_is_no_spell(self):
        self.assertEqual(longest_dry_spell([4, 2]), 0)

    def test_all_gauges_have_every_day(self):
        self.assertEqual({len(values) for values in load().values()}, {60})


if __name__ == "__main__":
    unittest.main()
