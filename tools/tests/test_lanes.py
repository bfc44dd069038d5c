"""Lanes for emulators: no more are taken at a time than there are."""
import os
import tempfile
import threading
import unittest
from pathlib import Path
from unittest import mock

from emulator.lanes import LANES, Lane


class Lanes(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def lane(self):
        lane = Lane(self.folder)
        self.addCleanup(lane.give_back)
        return lane

    @mock.patch.dict(os.environ, {LANES: "2"})
    def test_the_third_waits(self):
        lanes = [self.lane() for _ in range(3)]
        lanes[0].take()
        lanes[1].take()
        third = threading.Thread(target=lanes[2].take)
        third.start()
        third.join(0.5)
        self.assertTrue(third.is_alive())
        lanes[0].give_back()
        third.join(10)
        self.assertFalse(third.is_alive())
        self.assertEqual([bool(lane.lock) for lane in lanes], [False, True, True])

    @mock.patch.dict(os.environ)
    def test_any_number_without_the_word(self):
        os.environ.pop(LANES, None)
        for _ in range(5):
            lane = self.lane()
            lane.take()
            self.assertIsNone(lane.lock)

    @mock.patch.dict(os.environ, {LANES: "1"})
    def test_twice_is_once(self):
        lane, other = self.lane(), self.lane()
        lane.give_back()
        lane.take()
        lane.take()
        lane.give_back()
        other.take()
        self.assertTrue(other.lock)


if __name__ == "__main__":
    unittest.main()
