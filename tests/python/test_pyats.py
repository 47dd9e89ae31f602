# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The ways in which public scripts for pyATS use `pcall`, unchanged but for the import: with devices
that hold connections, which nothing can pickle; with lists of all kinds; on what methods return.

The scripts have `from pyats.async_ import pcall, Pcall`.
"""

import collections
import logging
import threading
import unittest

import support
from support import TestCase

pcall = support.Pcall.pcall
Pcall = support.Pcall.Pcall

log = logging.getLogger(__name__)


class Device:
    """With a connection, which stands for a spawned session, its prompts and its locks."""

    def __init__(self, name, **facts):
        self.name = name
        self.facts = facts
        self.connection = threading.Lock()
        self.start = [f"telnet {name} 2003", f"telnet {name} 2004"]
        self.configured = []

    def execute(self, command):
        with self.connection:
            log.debug("%s: %s", self.name, command)
            return f"{self.name}# {command}"

    def parse(self, command):
        return {command: {"name": self.name, **self.facts}}

    def configure(self, text):
        if "no such" in text:
            raise ValueError(f"{self.name}: invalid command: {text}")
        self.configured.append(text)


class Testbed:
    def __init__(self, *names):
        self.devices = collections.OrderedDict((name, Device(name)) for name in names)

    def __iter__(self):
        return iter(self.devices.values())


def shut(device, interface):
    device.configure(f"interface {interface}\nshutdown")


def ping(device, source, destination, repeat):
    device.execute(f"ping {destination} source {source} repeat {repeat}")
    return repeat // 10


def check_reload(device, target):
    return device.execute(f"reload {target}")


def recover(start, device, item, timeout, image=None):
    return f"{item}: {start}, {device.name}, {timeout}, {image}"


class Testcase(TestCase):
    def setUp(self):
        super().setUp()
        self.testbed = Testbed("r1", "r2", "r3")
        self.parameters = {"uut": self.testbed.devices["r1"]}

    def dispatch(self, steps, data):
        """As a test framework's class does for actions that are described by data."""
        ((action, command),) = data.items()
        device = self.parameters["uut"]
        steps.append("passed")
        result = getattr(device, action)(command)
        return {"action": action, "device": device.name, "step_result": steps, "saved": result}


class Ways(Testcase):
    def test_devices_by_keyword(self):
        """A function within a method, with a list of devices."""

        def get_version(device):
            return device.parse("show version")["show version"]["name"]

        devices = [device for device in self.testbed.devices.values()]
        self.assertEqual(pcall(get_version, device=devices), ("r1", "r2", "r3"))

    def test_testbed_itself(self):
        self.assertEqual(
            pcall(lambda device, command: device.execute(command), device=self.testbed,
                  command=["show clock"] * 3),
            ("r1# show clock", "r2# show clock", "r3# show clock"),
        )

    def test_views(self):
        """Of a dictionary: `keys()` and `values()`."""

        def learn(name, device):
            return name, device.parse("show ip route")

        results = pcall(
            learn, name=self.testbed.devices.keys(), device=self.testbed.devices.values()
        )
        self.assertEqual([name for name, _ in results], ["r1", "r2", "r3"])
        self.assertEqual(results[1][1], {"show ip route": {"name": "r2"}})

    def test_two_targets(self):
        """Each with arguments of its own, of other numbers; one result is of no interest."""
        r1, r2 = self.testbed.devices["r1"], self.testbed.devices["r2"]
        (_, loss) = pcall(
            [shut, ping], iargs=[[r1, "Gi1"], [r2, "loopback0", "192.168.255.4", 200]]
        )
        self.assertEqual(loss, 20)

    def test_common_and_instance_arguments(self):
        device = self.testbed.devices["r1"]
        expected = ("r1# reload active", "r1# reload standby")
        connections = collections.OrderedDict(active=1, standby=2)
        by_position = pcall(
            check_reload, cargs=(device,), iargs=[[alias] for alias in connections]
        )
        by_keyword = pcall(
            check_reload,
            ckwargs={"device": device},
            ikwargs=[{"target": "active"}, {"target": "standby"}],
        )
        self.assertEqual((by_position, by_keyword), (expected, expected))

    def test_all_by_keyword(self):
        """The target, too; with a dictionary of common arguments that was made before."""
        device = self.testbed.devices["r1"]
        common_kwargs = {"device": device, "timeout": 600}
        common_kwargs.update({"image": "golden.bin"})
        results = pcall(
            targets=recover,
            start=device.start,
            ikwargs=[{"item": i} for i, _ in enumerate(device.start)],
            ckwargs=common_kwargs,
        )
        expected = tuple(f"{i}: telnet r1 {2003 + i}, r1, 600, golden.bin" for i in range(2))
        self.assertEqual(results, expected)

    def test_methods(self):
        """A bound method, whose object a child has a copy of, and dictionaries as results."""
        payloads = [
            {"steps": [], "data": {"execute": "show clock"}},
            {"steps": [], "data": {"parse": "show version"}},
        ]
        returns = pcall(self.dispatch, ikwargs=payloads)
        self.assertEqual([each["action"] for each in returns], ["execute", "parse"])
        self.assertEqual(returns[0]["saved"], "r1# show clock")
        self.assertEqual(returns[1]["step_result"], ["passed"])
        self.assertEqual([payload["steps"] for payload in payloads], [[], []])

    def test_methods_of_each(self):
        devices = self.testbed.devices.values()
        results = pcall([device.execute for device in devices], cargs=("show clock",))
        self.assertEqual(results, ("r1# show clock", "r2# show clock", "r3# show clock"))

    def test_all_of_them(self):
        ikwargs = []
        for device in self.testbed:
            ikwargs.append({"device": device, "source": "lo0", "destination": "x", "repeat": 10})
        results = pcall(ping, ikwargs=ikwargs)
        self.assertTrue(len(results) > 0 and all(results))

    def test_no_devices(self):
        """A list that turned out to be empty."""
        self.assertEqual(pcall(check_reload, device=[], target=[]), ())
        self.assertEqual(pcall(ping, ikwargs=[]), ())

    def test_failures(self):
        """Scripts catch Exception, and say what it is."""
        devices = list(self.testbed)
        try:
            pcall(lambda device, text: device.configure(text), device=devices,
                  text=["hostname x", "no such thing", "no such thing"])
        except Exception as error:
            self.assertIn("r2: invalid command: no such thing", str(error))
            self.assertIsInstance(error.__cause__, ValueError)
        else:
            self.fail("nothing was raised")

    def test_timeouts(self):
        def hang(device):
            threading.Event().wait()

        with self.assertRaises(TimeoutError):
            pcall(hang, timeout=0.2, device=list(self.testbed))

    def test_what_children_change(self):
        """Stays theirs."""
        pcall(shut, device=list(self.testbed), interface=["Gi1"] * 3)
        self.assertEqual([device.configured for device in self.testbed], [[], [], []])

    def test_objects(self):
        """To be started, and looked at while something else is done."""
        p = Pcall(check_reload, device=list(self.testbed), target=("active",) * 3)
        p.start()
        traffic = [device.execute("show clock") for device in self.testbed]
        p.join()
        self.assertEqual(len(p.pids), len(traffic))
        self.assertEqual(p.results[2], "r3# reload active")
        self.assertEqual(p.livings, ())


if __name__ == "__main__":
    unittest.main()
