#!/usr/bin/python3
"""polis check and polis schema: exit codes, texts, JSON, the example."""

import json
import os
import subprocess
import tempfile
import unittest

POLIS = os.environ["POLIS"]
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SHOP = os.path.join(ROOT, "examples", "shop", "shop.yaml")

WRONG = """application: shop
services:
  front:
    instnaces: 2
    hold: 15
"""


class CheckTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="polis-test-")
        self.addCleanup(self.directory.cleanup)

    def polis(self, *args, rc=0, given=None):
        done = subprocess.run([POLIS, *args], capture_output=True, text=True, timeout=30, input=given, cwd=self.directory.name)
        self.assertEqual(done.returncode, rc, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def write(self, name, text):
        path = os.path.join(self.directory.name, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return name

    def test_the_example_is_accepted_and_its_order_is_said(self):
        text = self.polis("check", SHOP)
        self.assertIn("shop: 4 services, 2 jobs\n  starts prepare-stock; then stock; then checkout, reports; then front\n  sha256:", text)
        self.assertNotIn("error", text)

    def test_a_file_need_not_be_writable(self):
        os.chmod(os.path.join(self.directory.name, self.write("shop.yaml", "application: shop\nservices: {front: {start: /bin/true}}\n")), 0o444)
        as_nobody = ["setpriv", "--reuid", "65534", "--clear-groups"] if os.geteuid() == 0 else []
        os.chmod(self.directory.name, 0o755)
        done = subprocess.run([*as_nobody, POLIS, "check", os.path.join(self.directory.name, "shop.yaml")], capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_a_pipe_is_a_file_too(self):
        read, write = os.pipe()
        with os.fdopen(write, "w") as pipe:
            pipe.write("application: shop\nservices: {front: {start: /bin/true}}\n")
        done = subprocess.run([POLIS, "check", f"/dev/fd/{read}"], capture_output=True, text=True, timeout=30, pass_fds=[read])
        os.close(read)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("shop: 1 service", done.stdout)

    def test_what_is_wrong_is_shown_with_its_line(self):
        self.assertEqual(self.polis("check", self.write("shop.yaml", WRONG), rc=1), """\
shop.yaml:4:5: error: services.front: unknown key 'instnaces'; did you mean 'instances'?
      instnaces: 2
      ^
shop.yaml:5:11: error: services.front.hold: found '15', expected a time from 1s to 1h, such as 500ms, 15s or 1m30s; did you mean '15s'?
      hold: 15
            ^
""")

    def test_the_rules_of_the_whole_refuse_too(self):
        circle = "application: a\nservices:\n  x: {start: x, depends_on: [y]}\n  y: {start: y, depends_on: [x]}\n"
        self.assertIn("shop.yaml:3:3: error: services.x: needs itself, so nothing of this can start: x -> y -> x",
                      self.polis("check", self.write("shop.yaml", circle), rc=1))

    def test_notes_do_not_refuse_and_can_be_left_out(self):
        name = self.write("a.yaml", "application: a\nservices: {x: {start: x}}\n")
        self.assertIn("note: services.x: has no healthcheck", self.polis("check", name))
        self.assertEqual(self.polis("check", name, "-q"), "")

    def test_programs_get_json(self):
        wrong = json.loads(self.polis("check", self.write("shop.yaml", WRONG), "-o", "json", rc=1))
        self.assertFalse(wrong["ok"])
        self.assertEqual([(p["line"], p["column"], p["severity"], p["path"]) for p in wrong["problems"]],
                         [(4, 5, "error", "services.front"), (5, 11, "error", "services.front.hold")])
        right = json.loads(self.polis("check", SHOP, "-o", "json"))
        self.assertEqual(right["problems"], [])
        self.assertEqual(right["applications"][0]["start_order"], [["prepare-stock"], ["stock"], ["checkout", "reports"], ["front"]])
        self.assertRegex(right["applications"][0]["digest"], "^sha256:[0-9a-f]{64}$")

    def test_the_canonical_form_means_the_same(self):
        canonical = self.polis("check", SHOP, "--canonical")
        self.assertIn("unhealthy_threshold: 3", canonical)
        digest = json.loads(self.polis("check", SHOP, "-o", "json"))["applications"][0]["digest"]
        self.assertEqual(json.loads(self.polis("check", "-", "-o", "json", given=canonical))["applications"][0]["digest"], digest)

    def test_several_files_are_one_application(self):
        one = self.write("one.yaml", "application: a\nservices: {x: {start: x, depends_on: [y]}}\n")
        two = self.write("two.yaml", "application: a\nservices: {y: {start: y}}\n---\napplication: b\njobs: {j: {once: true, start: j}}\n")
        text = self.polis("check", one, two)
        self.assertIn("a: 2 services, 0 jobs\n  starts y; then x\n", text)
        self.assertIn("b: 0 services, 1 job\n", text)
        self.assertIn("there is no service 'y'", self.polis("check", one, rc=1))

    def test_files_of_the_configuration_are_read_from_beside_the_file(self):
        name = self.write("sub/a.yaml", "application: a\nservices: {x: {start: x, config: {files: {c: {from: ./c.conf}}}}}\n")
        self.assertIn("c.conf", self.polis("check", name, rc=1))
        self.write("sub/c.conf", "fine\n")
        self.assertIn('content: "fine', self.polis("check", name, "--canonical").replace("|\n", '"').replace("            ", ""))
        self.write("sub/c.conf", "first\n  ${port.x}\n")
        self.assertIn("sub/c.conf:2:3: error: services.x.config.files.c.content: unknown reference ${port.x}", self.polis("check", name, rc=1))

    def test_wrong_usage_is_two(self):
        self.polis("check", rc=2)
        self.assertIn("nowhere.yaml", self.polis("check", "nowhere.yaml", rc=2))
        self.polis("check", self.directory.name, rc=2)
        self.assertIn("did you mean 'check'", self.polis("chekc", rc=2))

    def test_a_file_of_fifty_thousand_lines_takes_seconds_at_most(self):
        services = "".join(f"  s{i}:\n    tier: 1\n    start:\n      command: [a, b]\n      env:\n" + "".join(f"        V{j}: value\n" for j in range(24)) for i in range(1800))
        name = self.write("big.yaml", "application: big\nservices:\n" + services)
        self.assertGreater(services.count("\n"), 50_000)
        self.assertIn("big: 1800 services", self.polis("check", name))

    def test_schemas(self):
        schema = json.loads(self.polis("schema"))
        self.assertEqual(schema["$schema"], "https://json-schema.org/draft/2020-12/schema")
        for definition in schema["$defs"].values():
            self.assertFalse(definition["additionalProperties"])
            for key in definition["properties"].values():
                self.assertTrue(key["description"] and key["examples"])
        self.assertIn("| `instances` |", self.polis("schema", "--form", "markdown"))
        self.assertIn("message Service {", self.polis("schema", "--form", "proto"))

    def test_editors_accept_the_example_by_the_schema_and_see_what_is_wrong(self):
        try:
            import jsonschema
            import yaml
        except ImportError:
            self.skipTest("python3-jsonschema and python3-yaml are not installed")
        schema = json.loads(self.polis("schema"))
        jsonschema.Draft202012Validator.check_schema(schema)
        with open(SHOP, encoding="utf-8") as file:
            shop = yaml.safe_load(file)
        validator = jsonschema.Draft202012Validator(schema)
        self.assertEqual([error.message for error in validator.iter_errors(shop)], [])
        validator.validate(yaml.safe_load(self.polis("check", SHOP, "--canonical")))
        shop["services"]["front"]["instnaces"] = 2
        shop["services"]["stock"]["healthcheck"]["tcp"] = "api"
        self.assertEqual(len(list(validator.iter_errors(shop))), 2)
        # The examples of the keys themselves.
        for name, definition in schema["$defs"].items():
            for key, described in definition["properties"].items():
                rule = {"$schema": schema["$schema"], "$defs": schema["$defs"], **described}
                for example in described["examples"] + ([described["default"]] if "default" in described else []):
                    with self.subTest(f"{name}.{key}"):
                        jsonschema.Draft202012Validator(rule).validate(example)

    def test_completion_and_the_manual_know_them(self):
        self.assertEqual(self.polis("__complete", "check", ""), ":files\n")
        self.assertEqual(self.polis("__complete", "schema", "--form", ""), "json\nmarkdown\nproto\n")
        self.assertIn("application files", self.polis("__manual", "check"))


if __name__ == "__main__":
    unittest.main(verbosity=1)
